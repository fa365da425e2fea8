"""Options of the test suite. What a directory of tests needs beyond them is in its own conftest.py."""

import signal

import pytest


def pytest_configure() -> None:
    """A shell that starts the tests in the background lets them ignore these: what they start would inherit that."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


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
        "--patiently",
        action="store_true",
        help="run also the known differences of other runtimes that show in a wait for what never comes: minutes of it",
    )
    group.addoption(
        "--soak",
        action="store_true",
        help="run also what takes minutes: many containers at once, and one after the other",
    )
    group.addoption(
        "--race-tries",
        type=int,
        default=100,
        metavar="N",
        help="how often tests/security tries an attack that is a race against a swapping adversary (default: 100)",
    )
