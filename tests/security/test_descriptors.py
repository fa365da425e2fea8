"""What leads from a container to the host: the runtime's program, its descriptors, and its working directory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runtime.container import Container
from runtime.procfs import CAPABILITY_NAMES

from . import weakened
from .adversary import Programs, tried
from .conftest import Without
from .defences import (
    CHECKED_WORKING_DIRECTORY,
    CLOSED_DESCRIPTORS,
    CLOSED_PROCFS,
    NO_LEAK,
    RESOLVED_IN_ROOT,
    SEALED_INIT,
    UNDUMPABLE,
)

PROCFS = "9fa0"
ALL = [f"CAP_{name}" for name in CAPABILITY_NAMES]
ALL_BUT_TRACING = [name for name in ALL if name != "CAP_SYS_PTRACE"]


def init_of(container: Container) -> Path:
    """The file that init comes from."""
    program = Path(container.runtime.path)
    copy = program.parent / "sampan/init"
    return copy if copy.exists() else weakened.PACKAGE / "init"


class TestTheProgram:
    """CVE-2019-5736 (runc): 'the container's entry point was /proc/self/exe: the host's runtime binary was run inside
    the container, then opened for writing'."""

    def write_through(self, descriptor: int) -> bool:
        """By root of the host, who may do what no container may."""
        try:
            writable = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
        except OSError:
            return False
        try:
            os.write(writable, b"pwned")
        except OSError:
            return False
        finally:
            os.close(writable)
        return True

    def attack(self, container: Container) -> bool:
        """Its program is opened while it is init, and written to when it is another one, since then it is not busy."""
        container.bundle.args("sleep", "1000")
        container.create()
        links = [container.process.directory / "exe", *(container.process.directory / "map_files").iterdir()]
        assert "init" in os.readlink(links[0])
        descriptors = [os.open(link, os.O_RDONLY) for link in links if "plan" not in os.readlink(link)]
        container.start()
        try:
            return any(self.write_through(descriptor) for descriptor in descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def test_cannot_be_written(self, container: Container) -> None:
        before = init_of(container).read_bytes()
        assert not self.attack(container)
        assert init_of(container).read_bytes() == before

    def test_could_be_written_if_it_were_the_file(self, without: Without) -> None:
        container = without(SEALED_INIT)
        assert self.attack(container)
        assert init_of(container).read_bytes() != (weakened.PACKAGE / "init").read_bytes()
        shutil.copy(weakened.PACKAGE / "init", init_of(container))  # others use this copy, too

    def attack_by_exec(self, container: Container, programs: Programs, tries: int) -> int:
        """The first process waits for one that `exec` brings in, whose program is a script that is run by itself."""
        shutil.copy(programs("watcher"), container.bundle.rootfs / "watcher")
        container.bundle.file("bin/evil", "#!/proc/self/exe\n", 0o755).args("/watcher")
        container.launch().wait_for_output("ready")

        def once() -> bool:
            container.exec("/bin/evil")
            return "wrote" in container.stdout

        return tried(once, tries)

    def test_cannot_be_written_by_the_container(
        self, container: Container, programs: Programs, race_tries: int
    ) -> None:
        before = init_of(container).read_bytes()
        assert self.attack_by_exec(container, programs, race_tries) == 0
        assert init_of(container).read_bytes() == before

    def test_could_be_written_by_the_container(self, without: Without, programs: Programs) -> None:
        container = without(SEALED_INIT)
        program = init_of(container)
        try:
            assert self.attack_by_exec(container, programs, 500) > 0
        finally:
            program.unlink()  # it may be running still
            shutil.copy(weakened.PACKAGE / "init", program)

    def test_cannot_be_written_where_it_may_not_be_in_memory(self, container: Container, tmp_path: Path) -> None:
        """Where the host forbids executable memfds: a read-only clone of its mount"""
        if not Path("/proc/sys/vm/memfd_noexec").exists():
            pytest.skip("this kernel cannot forbid executable memfds")
        before = init_of(container).read_bytes()
        # the attacker holds the program open, from when it is init until it is not busy any more
        script = r"""exec 9</proc/$(sed 's/.*"pid": *\([0-9]*\).*/\1/')/exe
        (while ! (echo pwned >/proc/self/fd/9) 2>>OUTPUT; do grep -q Read-only OUTPUT && exit; done
        echo wrote >>OUTPUT) &"""
        output = tmp_path / "output"
        container.bundle.hook("createRuntime", script.replace("OUTPUT", str(output))).args("sleep", "0.3").write()
        words = container.runtime.command(container.root, "run", "--bundle", str(container.bundle.path), container.id)
        forbid = 'echo 2 >/proc/sys/vm/memfd_noexec && exec "$@"'
        unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        container.runtime.call([*unshare, "sh", "-c", forbid, "sh", *words]).checked()
        assert "Read-only file system" in output.read_text()
        assert "wrote" not in output.read_text()
        assert init_of(container).read_bytes() == before

    def test_the_entry_point_is_init_itself(self, container: Container) -> None:
        """It is nothing but a program that finds no plan."""
        container.bundle.args("/proc/self/exe", "0")
        assert container.run().status == 255


class TestInitSeenFromTheContainer:
    """CVE-2016-9962 (runc): 'descriptors of the host open in init, seen through /proc/PID/fd by ptrace during exec'."""

    def seen(self, container: Container, programs: Programs, tries: int, *capabilities: str) -> set[str]:
        """What the container's first process sees of those that are brought in, before they are its own programs."""
        shutil.copy(programs("watcher"), container.bundle.rootfs / "watcher")
        container.bundle.args("/watcher").capabilities(*capabilities)
        container.bundle.set("process.oomScoreAdj", 900)
        # a long search gives it time
        path = ":".join(f"/bin/none{number}" for number in range(300))
        container.launch().wait_for_output("ready")

        def once() -> bool:
            container.exec("-e", f"PATH={path}:/bin", "--", "true").checked()
            return "descriptor" in container.stdout

        tried(once, tries)
        return set(container.stdout.splitlines()) - {"ready"}

    def test_nothing_can_be_seen(self, container: Container, programs: Programs, race_tries: int) -> None:
        assert self.seen(container, programs, race_tries, *ALL_BUT_TRACING) == set()

    def test_could_be_seen_if_it_were_open(self, without: Without, programs: Programs) -> None:
        assert self.seen(without(UNDUMPABLE), programs, 500, *ALL_BUT_TRACING) != set()

    def test_nothing_of_the_host_is_open_for_who_may_trace_all(
        self, container: Container, programs: Programs, race_tries: int
    ) -> None:
        """CAP_SYS_PTRACE opens what is not dumpable, too: then there must be nothing to find."""
        seen = self.seen(container, programs, race_tries, *ALL)
        links = {line.split()[1] for line in seen if line.startswith("descriptor")}
        assert links, "the attacker was too slow to see anything"
        kinds = {link.partition(":")[0] for link in links}
        assert kinds <= {"pipe", "socket", "anon_inode", "/memfd", "/dev/null"}, links
        assert not any(line.endswith(PROCFS) for line in seen)

    def test_the_procfs_of_the_runtime_would_be_found(self, without: Without, programs: Programs) -> None:
        container = without(CLOSED_PROCFS)
        process = container.bundle.aside("process.json", '{"args": ["true"], "cwd": "/", "oomScoreAdj": 900}')
        shutil.copy(programs("watcher"), container.bundle.rootfs / "watcher")
        container.bundle.args("/watcher").capabilities(*ALL)
        container.launch().wait_for_output("ready")

        def once() -> bool:
            container.call("exec", f"--process={process}")
            return PROCFS in container.stdout

        assert tried(once, 200) > 0


class TestTheWorkingDirectory:
    """CVE-2024-21626 (runc): 'a descriptor of the host's /sys/fs/cgroup leaked: cwd /proc/self/fd/7 led to the
    host'."""

    SCRIPT = "cat ../../../../../../../../..{path}/secret ./../../../../../../../../..{path}/secret"

    def attack(self, container: Container, victim: Path, verb: str) -> bool:
        script = self.SCRIPT.format(path=victim)
        if verb == "exec":
            container.bundle.args("sleep", "1000")
            container.launch()
        for descriptor in range(3, 24):
            directory = f"/proc/self/fd/{descriptor}"
            if verb == "exec":
                result = container.exec(f"--cwd={directory}", "--", "sh", "-c", script)
            else:
                container.bundle.set("process.cwd", directory).sh(script)
                result = container.run()
            if "the host's secret" in result.stdout:
                return True
        return False

    @pytest.mark.parametrize("verb", ["run", "exec"])
    def test_is_in_the_container(self, container: Container, victim: Path, verb: str) -> None:
        assert not self.attack(container, victim, verb)

    def test_leads_out_if_a_directory_is_left_open_and_nothing_checks(self, without: Without, victim: Path) -> None:
        container = without(NO_LEAK, RESOLVED_IN_ROOT, CHECKED_WORKING_DIRECTORY)
        assert self.attack(container, victim, "run")

    def test_is_checked_even_if_a_directory_is_left_open(self, without: Without, victim: Path) -> None:
        """The second defence holds alone."""
        assert not self.attack(without(NO_LEAK, RESOLVED_IN_ROOT), victim, "run")

    def test_a_link_of_the_image(self, container: Container, victim: Path) -> None:
        """'cwd' by way of a symbolic link of the image, which a Dockerfile's WORKDIR can name"""
        container.bundle.symlink("work", "/proc/self/fd/7").set("process.cwd", "/work")
        container.bundle.sh(self.SCRIPT.format(path=victim))
        result = container.run()
        assert "the host's secret" not in result.stdout

    @pytest.mark.parametrize("verb", ["run", "exec"])
    def test_nothing_is_open_in_the_program(self, container: Container, verb: str) -> None:
        """'no descriptor survives'"""
        script = "ls /proc/self/fd"
        if verb == "run":
            assert set(container.output(script).split()) <= {"0", "1", "2", "3"}  # 3: the directory being listed
        else:
            container.bundle.args("sleep", "1000")
            container.launch()
            assert set(container.exec("sh", "-c", script).checked().output.split()) <= {"0", "1", "2", "3"}

    def test_something_would_be_open(self, without: Without) -> None:
        container = without(CLOSED_DESCRIPTORS)
        container.bundle.sh("ls /proc/self/fd")
        assert set(container.run().stdout.split()) > {"0", "1", "2", "3"}
