"""Sandboxes: containers for code that nobody trusts, with a first process that holds them while program after program
runs in them.

A sandbox is a container of the hardened profile whose process is `sampan-hold` (native/hold.c), and a run is a further
process in it. What a run leaves behind in processes is killed at its end; what it leaves in files, in shared memory and
anywhere else is in namespaces and file systems of that container alone, so `reset` is to put a new one in its place.
"""
