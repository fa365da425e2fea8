"""Options of the test suite. What a directory of tests needs beyond them is in its own conftest.py."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("container runtimes")
    group.addoption(
        "--runtime",
        action="append",
        metavar="NAME|PATH",
        help="the runtime that tests/runtime drives (default: sampan); repeated or a comma separated list for more",
    )
    group.addoption(
        "--cgroup-view",
        choices=("auto", "host", "v1", "v2"),
        default="auto",
        help="what /sys/fs/cgroup looks like to the runtime: as on this host, or privately as pure v1 or pure v2 "
        "(auto: host, but v1 for crun, which refuses hybrid hosts)",
    )
    group.addoption(
        "--race-tries",
        type=int,
        default=100,
        metavar="N",
        help="how often tests/security tries an attack that is a race against a swapping adversary (default: 100)",
    )
