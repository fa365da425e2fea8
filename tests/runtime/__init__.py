"""Black-box tests of an OCI runtime: they speak to it by its command line only, and look at the result from outside."""
