"""`python -m sampan.cli`: the command without the native launcher, for development."""

from sampan.cli.main import command

command()
