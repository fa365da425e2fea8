"""Tests of what is in `examples/`: that each README is true, and what would go wrong first."""
