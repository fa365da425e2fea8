"""docker drives a runtime: its command line, and programs that use its API by the client for Python."""
