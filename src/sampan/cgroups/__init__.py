"""The kernel's control groups as one thing: a container's cgroup on v1, v2 or both, its limits and its devices.

``layout`` says what this machine has, ``cgroup`` is the face, ``v1`` and ``v2`` are the backs, ``devices`` is what both
mean by a list of device rules. Nothing here knows what a container is beyond its cgroup.
"""
