"""`docker exec`, and what else looks at or reaches into a container that runs: top, stats, cp, inspect."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from pathlib import Path

import pytest
from docker.errors import APIError

from ..cgroups import needs
from ..engine import eventually
from ..terminal import Terminal
from .daemon import Docker
from .privileges import KNOWN_CAPABILITIES, need_all_capabilities, own_capabilities


def test_exec_has_streams_and_exit_status_of_its_own(docker: Docker, running: str) -> None:
    result = docker("exec", "--interactive", running, "sh", "-c", "cat; echo err >&2; exit 42", stdin="some\ninput")
    assert (result.status, result.stdout, result.stderr) == (42, "some\ninput", "err\n")


@pytest.mark.parametrize(
    "program, message",
    [
        ("no-such-program", "executable file not found in $PATH"),
        ("/bin/no-such-program", "no such file or directory"),
        ("/bin/not-executable", "permission denied"),
    ],
)
def test_exec_of_what_cannot_run_tells_the_runtime_s_reason(
    docker: Docker, running: str, program: str, message: str
) -> None:
    result = docker("exec", running, program)
    assert result.status in (126, 127), str(result)  # as docker 20.10 and newer ones have it
    assert message in result.stdout + result.stderr


def test_exec_has_the_container_s_environment_directory_and_user(docker: Docker, running: str) -> None:
    script = "id -u; pwd; echo $FROM; echo $HOME; hostname"
    lines = docker("exec", running, "sh", "-c", script).checked().lines
    assert lines == ["0", "/", "the container", "/root", "idle"]


def test_exec_has_user_directory_and_environment_as_asked(docker: Docker, running: str) -> None:
    options = ["--user", "worker", "--workdir", "/srv", "--env", "A=b c"]
    script = "id -u; id -G; pwd; echo $A; echo $FROM"
    lines = docker("exec", *options, running, "sh", "-c", script).checked().lines
    assert lines == ["1000", "1000 2000", "/srv", "b c", "the container"]


def test_exec_can_have_another_group(docker: Docker, running: str) -> None:
    assert docker("exec", "--user", "1234:5678", running, "id").checked().output == "uid=1234 gid=5678 groups=5678"


def test_exec_privileged_has_all_capabilities(docker: Docker, running: str) -> None:
    need_all_capabilities(docker)
    result = docker("exec", "--privileged", running, "grep", "CapEff", "/proc/self/status").checked()
    assert int(result.output.split()[1], 16) == own_capabilities() & KNOWN_CAPABILITIES


def test_exec_is_in_the_container_s_namespaces_and_cgroups(docker: Docker, running: str) -> None:
    script = "cd /proc/{}; for kind in pid net ipc uts mnt; do readlink ns/$kind; done; cat cgroup"
    of_exec = docker("exec", running, "sh", "-c", script.format("self")).checked().output
    assert of_exec == docker("exec", running, "sh", "-c", script.format("1")).checked().output


def test_exec_detached_goes_on_by_itself(docker: Docker, running: str) -> None:
    result = docker("exec", "--detach", running, "sh", "-c", "sleep 0.2; echo done >/tmp/detached")
    assert result.checked().output == ""
    eventually(lambda: docker("exec", running, "rm", "/tmp/detached").status == 0, "its file")


def test_exec_on_a_terminal(docker: Docker, running: str) -> None:
    """docker itself on a terminal, as a person has it; the size comes when the process runs already."""
    with Terminal(docker, "exec", "--interactive", "--tty", running, "sh", rows=31) as terminal:
        terminal.enter("until stty size | grep '^31 80$'; do sleep 0.05; done; tty\n")
        terminal.read(until="31 80\r\n/dev/pts/")
        terminal.enter("sleep 1000\n")
        eventually(lambda: "sleep 1000" in docker("top", running).output.replace("sleep 10000", ""), "sleep")
        terminal.enter("\x03exit 7\n")
        terminal.read()
        assert terminal.wait().status == 7


def test_many_execs_at_once(docker: Docker, running: str) -> None:
    commands = [
        docker.in_background("exec", running, "sh", "-c", f"echo {number}; exit {number}") for number in range(8)
    ]
    results = [command.wait() for command in commands]
    assert [(result.status, result.output) for result in results] == [(number, str(number)) for number in range(8)]


def test_exec_by_the_client_streams_and_tells_its_end(docker: Docker, running: str) -> None:
    """It says nothing before it is told to: this client loses what comes together with the answer to its request."""
    api = docker.client.api
    script = "until rm /tmp/go 2>/dev/null; do sleep 0.05; done; echo out; echo err >&2; exit 3"
    made = api.exec_create(running, ["sh", "-c", script])
    stream = api.exec_start(made["Id"], stream=True, demux=True)
    docker("exec", running, "touch", "/tmp/go").checked()
    parts = list(stream)
    assert [b"".join(filter(None, texts)) for texts in zip(*parts, strict=True)] == [b"out\n", b"err\n"]
    found = api.exec_inspect(made["Id"])
    assert (found["Running"], found["ExitCode"]) == (False, 3)


def test_exec_by_the_client_can_be_resized(docker: Docker, running: str) -> None:
    api = docker.client.api
    made = api.exec_create(running, ["sh", "-c", "until stty size | grep 55; do sleep 0.05; done"], tty=True)
    stream = api.exec_start(made["Id"], tty=True, stream=True)
    api.exec_resize(made["Id"], height=55, width=66)
    assert b"".join(stream).endswith(b"55 66\r\n")


def test_exec_in_a_container_that_does_not_run_is_an_error(docker: Docker) -> None:
    created = docker.created("true")
    result = docker("exec", created, "true")
    assert result.status == 1
    assert "is not running" in result.stderr


def test_top_lists_the_container_s_processes(docker: Docker, running: str) -> None:
    lines = docker("top", running, "-o", "pid,args").checked().lines
    assert [line.split(maxsplit=1)[1] for line in lines[1:]][-1] == "sleep 10000"
    titles = docker.client.api.top(running)["Titles"]
    assert titles[-1] == "CMD"


@needs("memory")
def test_stats_are_those_of_the_cgroup(docker: Docker, running: str) -> None:
    """Of the container's limit of 64 MiB and its two processes."""
    line = docker("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", running).checked().output
    assert line.endswith("/ 64MiB 2"), line
    found = docker.client.api.stats(running, stream=False, one_shot=True)
    assert found["memory_stats"]["limit"] == 64 << 20
    assert found["cpu_stats"]["cpu_usage"]["total_usage"] > 0


def test_inspect_tells_the_process_and_the_runtime(docker: Docker, running: str) -> None:
    found = docker.inspect(running)
    assert found["HostConfig"]["Runtime"] == docker.runtime
    assert found["State"]["Running"] is True
    arguments = docker.view.run("cat", f"/proc/{found['State']['Pid']}/cmdline").checked().stdout
    assert arguments.startswith("sh\0-c\0trap exit TERM")


def test_ps_lists_it(docker: Docker, running: str) -> None:
    listed = docker("ps", "--no-trunc", "--format", "{{.ID}} {{.State}}").checked().lines
    assert f"{running} running" in listed
    found = [json.loads(line) for line in docker("ps", "--format", "{{json .}}").checked().lines]
    assert any(one["Names"] == f"idle-{docker.runtime}" for one in found)


def test_files_are_copied_into_and_out_of_a_running_container(docker: Docker, running: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from the host\n")
    docker("cp", str(tmp_path / "in"), f"{running}:/tmp/copied").checked()
    assert docker("exec", running, "cat", "/tmp/copied").checked().output == "from the host"
    docker("exec", running, "sh", "-c", "echo more >>/tmp/copied").checked()
    docker("cp", f"{running}:/tmp/copied", str(tmp_path / "out")).checked()
    assert (tmp_path / "out").read_text() == "from the host\nmore\n"


def test_files_are_copied_into_and_out_of_a_container_that_does_not_run(docker: Docker) -> None:
    created = docker.client.containers.get(docker.created("sh", "-c", "cat /srv/in; echo out >/srv/out"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("in")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"in\n"))
    assert created.put_archive("/srv", buffer.getvalue())
    assert docker("start", "--attach", created.id).checked().output == "in"
    stream, about = created.get_archive("/srv/out")
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        extracted = tar.extractfile("out")
        assert extracted is not None and extracted.read() == b"out\n"
    assert about["size"] == 4
    assert {"Path": "/srv/out", "Kind": 1} in created.diff()


def test_a_process_of_exec_ends_with_the_container(docker: Docker) -> None:
    container = docker.detached("sleep", "1000")
    command = docker.in_background("exec", container, "sleep", "2000")
    eventually(lambda: "sleep 2000" in docker("top", container).output, "the process runs")
    docker("kill", container).checked()
    assert command.wait().status == 137


def test_execs_while_the_container_ends_fail_but_do_not_hang(docker: Docker) -> None:
    container = docker.by_client("sleep", "0.4")

    def until_one_fails() -> None:
        try:
            while container.exec_run("true").exit_code == 0:
                pass
        except APIError:  # docker knows already that the container has ended
            pass

    threads = [threading.Thread(target=until_one_fails) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    docker.wait_for_status(container.id, "exited")
