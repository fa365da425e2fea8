"""A pytest plugin: `@pytest.mark.container(memory="64M", pids=32)` runs a test in a container of its own.

The pytest that you start collects, selects and reports as always. For each marked test a second one is started in a
container, which runs this file: it runs that test with its fixtures, and sends its reports back through a pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

import sampan

Phase = Literal["setup", "call", "teardown"]

MARK = "container(memory, cpus, pids, network, timeout, env, writable): run the test in a container of its own"
OURS = {"basetemp", "capture", "debug", "file_or_dir", "log_file", "plugins", "trace", "usepdb", "xmlpath"}  # options
BASE = pytest.StashKey[sampan.Spec]()
PHASES: tuple[Phase, ...] = ("setup", "call", "teardown")
TIMEOUT = 300.0  # seconds
PASSED_ON = ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS")  # variables: the same plugins, inside and outside

# Outside, in the pytest that you start.


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    mark = item.get_closest_marker("container")
    if mark is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports_of(item, mark):
        item.ihook.pytest_runtest_logreport(report=report)
    # What tests before this one have set up here, and none after it needs.
    tear_down = item.session._setupstate.teardown_exact  # noqa: SLF001 - pytest has no public word for it
    call = pytest.CallInfo.from_call(lambda: tear_down(nextitem), when="teardown")
    if call.excinfo is not None:
        item.ihook.pytest_runtest_logreport(report=pytest.TestReport.from_item_and_call(item, call))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def reports_of(item: pytest.Item, mark: pytest.Mark) -> Iterator[pytest.TestReport]:
    """Run a test in a container: the reports that it has sent, and one of a failure if it could not send all."""
    try:
        ending, sent, output = run(item, *mark.args, **mark.kwargs)
    except (sampan.SampanError, TypeError) as error:  # of a wrong mark, or of a container that cannot be made
        ending, sent, output = f"cannot run this test in a container: {error}", b"", b""
    phases = []
    for line in sent.splitlines():
        with contextlib.suppress(ValueError):  # it was killed while it wrote
            report = item.config.hook.pytest_report_from_serializable(config=item.config, data=json.loads(line))
            if isinstance(report.longrepr, list):  # of a skip, which JSON has no tuple for
                report.longrepr = tuple(report.longrepr)
            phases.append(report.when)
            yield report
    missing = [when for when in PHASES if when not in phases]
    if "teardown" not in missing:
        return
    for when in dict.fromkeys((missing[0], PHASES[-1])):
        failed = when == missing[0]
        yield pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="failed" if failed else "passed",
            longrepr=ending if failed else None,
            when=when,
            sections=[("output of its container", output.decode(errors="replace"))] if failed and output else [],
        )


def run(
    item: pytest.Item,
    *,
    network: bool = False,
    timeout: float = TIMEOUT,
    env: Mapping[str, str | None] | None = None,
    writable: Sequence[str] = (),
    **limits: Any,
) -> tuple[str, bytes, bytes]:
    """How the container has ended, in words; what it has sent; and what else it has written."""
    spec = base(item.config).with_env(env or {}).limit(**limits)
    for path in writable:
        spec = spec.bind(item.config.rootpath / path, writable=True)
    if network:
        spec = spec.host_namespaces("network")
    name = f"pytest-{os.urandom(8).hex()}"
    with sampan.create(name, config=spec, stdin=sampan.PIPE, stdout=sampan.PIPE, stderr=sampan.PIPE) as container:
        container.start()
        try:
            sent, output = container.communicate(request(item), timeout=timeout)
            ending = ending_of(container.wait(), limits)
        except sampan.TimeoutExpiredError:
            ending = f"the test took longer than {timeout:g} s, and was killed in its container"
            for number in (signal.SIGABRT, signal.SIGKILL):  # at the first Python tells where it is
                with contextlib.suppress(sampan.TimeoutExpiredError, sampan.StateError):
                    container.kill(number)
                    container.communicate(timeout=1)
            sent, output = container.communicate()
        return ending, sent or b"", output or b""


def ending_of(status: sampan.ExitStatus, limits: Mapping[str, Any]) -> str:
    """Why the container has ended before the test."""
    if status.signal == signal.SIGKILL and "memory" in limits:  # to the first process nobody inside can do that
        return f"the test took more memory than the {limits['memory']} of its container, and was killed"
    return f"the test's container has ended before the test, with {status}"


def base(config: pytest.Config) -> sampan.Spec:
    """What the containers have in common: the host's programs, this Python and this project, all read-only."""
    if BASE not in config.stash:
        directory = tempfile.TemporaryDirectory(prefix="pytest-containers-")
        config.add_cleanup(directory.cleanup)
        spec = sampan.Spec.default().with_host_rootfs(Path(directory.name, "rootfs")).drop_all_capabilities()
        shown = {config.rootpath, *map(Path, (sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path)))}
        for path in sorted(path.absolute() for path in shown if not path.is_relative_to("/usr")):
            spec = spec.bind(path)
        config.stash[BASE] = (
            spec.with_default_seccomp()
            .new_namespaces("network")
            .with_args([sys.executable, __file__])
            .with_cwd(config.invocation_params.dir)
            .with_env({name: os.environ[name] for name in PASSED_ON if name in os.environ})
            .with_env({"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"})
        )
    return config.stash[BASE]


def request(item: pytest.Item) -> bytes:
    """What the pytest in the container is to do, as JSON."""
    config, option = item.config, item.config.option
    args = ["--rootdir", str(config.rootpath), "--import-mode", option.importmode]
    if config.inipath is not None:
        args += ["-c", str(config.inipath)]
    for word, values in (("-p", option.plugins), ("-W", option.pythonwarnings), ("-o", option.override_ini)):
        args += [part for value in values or () for part in (word, value)]
    # What the project's addopts say is among the options already; and only /tmp can be written.
    args += ["-o", "addopts=", "-o", "cache_dir=/tmp/pytest-cache", "-p", f"no:{__name__}", str(item.path)]
    options = {name: value for name, value in vars(option).items() if name not in OURS and is_plain(value)}
    options["no_header"] = True
    return json.dumps({"args": args, "nodeid": item.nodeid, "options": options}).encode()


def is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | None) or (isinstance(value, list) and all(map(is_plain, value)))


# Inside, in the container.


class Inside:
    """A plugin of the inner pytest."""

    def __init__(self, nodeid: str, options: dict[str, Any], pipe: int) -> None:
        self.nodeid = nodeid
        self.options = options
        self.pipe = pipe

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        vars(config.option).update(self.options)
        config.addinivalue_line("markers", MARK)
        self.hook, self.config = config.hook, config

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid == self.nodeid]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self.hook.pytest_report_to_serializable(config=self.config, report=report)
        with open(self.pipe, "a", closefd=False) as pipe:
            print(json.dumps(data, default=str), file=pipe)


def inside() -> int:
    asked = json.load(sys.stdin)
    pipe = os.dup(1)
    os.dup2(2, 1)  # the pipe is for reports alone
    return pytest.main(asked["args"], plugins=[Inside(asked["nodeid"], asked["options"], pipe)])


if __name__ == "__main__":
    sys.exit(inside())
