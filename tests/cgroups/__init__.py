"""Cgroups on the real hierarchies of the machine: root, and names of our own that are gone at the end."""
