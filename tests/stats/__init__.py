"""Tests of the numbers: what `stats`, `events` and `ps` read and print."""
