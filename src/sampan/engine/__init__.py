"""The one place where things happen to the machine: containers made, started, signalled and removed, and undone on
failure.
"""
