"""Whole configurations to begin with, as data: runc's default and the hardened one.

Pure: what the host can do comes in by parameters. `engine.profiles` fits them to this host and user.
"""
