"""The command line: one module a verb. It reads arguments and prints results; what happens is the engine's."""
