"""A program to be built and tested."""
