"""The completion scripts of `sampan completion`, in the shells that they are for."""
