"""containerd drives a runtime through its shim: by its own command, and by Kubernetes' interface to it (CRI)."""
