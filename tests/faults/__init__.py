"""The command killed at every step, and every step made to fail: nothing may be left behind."""
