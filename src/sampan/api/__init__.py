"""The library `import sampan`: containers and their processes as objects, over the operations of the engine.

Nothing here changes the program that it is part of: no signal handler, no working directory, environment, umask or
signal mask, and no child but its own is waited for. Every descriptor is close-on-exec.
"""
