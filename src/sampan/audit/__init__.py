"""What a container could do to its host: rules about a configuration, what they find, and how that is written down.

Pure, as `spec` and `plan` are: what the machine is like comes in as a `Machine`. Not on the hot path.
"""
