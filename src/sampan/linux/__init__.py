"""Thin bindings: one kernel interface a module, no decisions."""
