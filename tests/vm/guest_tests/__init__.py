"""Tests that make sense only in the virtual machine of tests/vm."""
