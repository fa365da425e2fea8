"""Containers whose cgroups a real systemd makes. `tests/vm/test tests/systemd` runs them in a machine that has one."""
