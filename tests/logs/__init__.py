"""`--log`: what arrives where messages are sent to."""
