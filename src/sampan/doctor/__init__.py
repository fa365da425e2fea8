"""What this host can do for containers: one module an area, each a list of rows. Reads, tries, and changes nothing.

Not on the hot path: ordinary Python.
"""
