"""The OCI Runtime Specification's documents: their types, tables and rules. Pure: it never touches the kernel."""
