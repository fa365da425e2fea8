"""Tests of real engines that drive a runtime: podman runs, stops and removes containers of a locally made image."""
