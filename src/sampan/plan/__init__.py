"""Compiles a checked configuration into a plan: the exact operations that will make the container. Pure: no kernel
calls.
"""
