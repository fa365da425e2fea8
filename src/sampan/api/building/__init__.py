"""The parts of a configuration that is built by a program: what `sampan.Spec` has methods for, one module an idea.

Each method gives a new object, judges its own arguments by the tables of `sampan.spec`, and names the field of
config.json by the field's own word. Only `api/spec.py` looks at the host.
"""
