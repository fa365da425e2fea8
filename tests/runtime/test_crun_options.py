"""Options that crun has beside runc's, and engines and operators use."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable

import pytest

from .bundle import Bundle
from .container import Container
from .driver import Result, Runtime

NewContainer = Callable[[], Container]


@pytest.fixture(autouse=True)
def _has_the_options(runtime: Runtime) -> None:
    if runtime.name == "runc":
        pytest.skip("these options are crun's; runc has none of them")


class TestConfig:
    """`create` and `run` with `--config -f FILE`: the configuration is not the bundle's config.json."""

    @pytest.fixture(params=["--config", "-f"])
    def elsewhere(self, request: pytest.FixtureRequest, container: Container, bundle: Bundle) -> tuple[str, str]:
        """The option and its value: the bundle's own configuration is another."""
        path = container.directory / "other.json"
        path.write_text(json.dumps(bundle.sh("echo other").config))
        bundle.sh("echo own")
        return request.param, str(path)

    def test_run(self, container: Container, elsewhere: tuple[str, str]) -> None:
        assert container.run(*elsewhere).checked().output == "other"

    def test_create_and_start(self, container: Container, elsewhere: tuple[str, str]) -> None:
        """What is started is what was created, whatever becomes of the file."""
        container.create(*elsewhere)
        (container.directory / "other.json").unlink()
        container.start().wait_for_output("other")

    def test_the_bundle_needs_no_config_of_its_own(self, container: Container, bundle: Bundle) -> None:
        bundle.sh("echo other").write()
        shutil.move(bundle.path / "config.json", container.directory / "other.json")
        options = ("--config", str(container.directory / "other.json"), "--bundle", str(bundle.path))
        done = container.runtime.call(container.runtime.command(container.root, "run", *options, container.id))
        assert done.checked().output == "other"

    def test_a_relative_path_begins_at_the_caller_s_directory(self, container: Container, bundle: Bundle) -> None:
        bundle.sh("echo other").write()
        shutil.move(bundle.path / "config.json", container.directory / "other.json")
        options = ("--config", "other.json", "--bundle", str(bundle.path))
        command = container.runtime.command(container.root, "run", *options, container.id)
        assert container.runtime.call(command, cwd=container.directory).checked().output == "other"

    def test_relative_paths_in_it_begin_at_the_bundle(self, container: Container, bundle: Bundle) -> None:
        """config.md, Root: 'either an absolute path or a relative path to the bundle'"""
        path = container.directory / "elsewhere/other.json"
        path.parent.mkdir()
        bundle.set("root.path", "rootfs").bind(bundle.aside("data"), "/data").aside("data/file", "of the bundle")
        path.write_text(json.dumps(bundle.sh("cat /data/file").config))
        assert container.run("--config", str(path)).checked().output == "of the bundle"

    def test_a_missing_file_is_an_error_that_names_it(self, container: Container) -> None:
        assert "nowhere.json" in container.fails("create", "--config", "/nowhere.json").stderr
        assert not container.exists

    def test_a_broken_one_is_an_error(self, container: Container, bundle: Bundle) -> None:
        path = container.directory / "broken.json"
        path.write_text("{")
        container.fails("create", "--config", str(path))
        assert not container.exists


def call(container: Container, *words: str) -> Result:
    return container.runtime.call(container.runtime.command(container.root, *words))


class TestRegex:
    """`kill` and `delete` with `--regex -r`: ID is a regular expression, and all that match are meant."""

    @pytest.fixture
    def pair(self, new_container: NewContainer) -> list[Container]:
        """Two containers of one root."""
        pair = [new_container(), new_container()]
        pair[1].root = pair[0].root
        for container in pair:
            container.launch()
        return pair

    @pytest.mark.parametrize("option", ["--regex", "-r"])
    def test_kill(self, pair: list[Container], option: str) -> None:
        call(pair[0], "kill", option, f"^({pair[0].id}|{pair[1].id})$", "KILL").checked()
        assert [container.wait() for container in pair] == [-9, -9]

    def test_kill_sends_term_by_default(self, pair: list[Container]) -> None:
        for container in pair:
            container.delete("--force")
            container.bundle.sh("trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done")
            container.launch().wait_for_output("ready")
        call(pair[0], "kill", "--regex", "sampan|test|.*").checked()
        assert [container.wait() for container in pair] == [5, 5]

    def test_others_stay_as_they_are(self, pair: list[Container]) -> None:
        call(pair[0], "kill", "--regex", f"{pair[0].id}$", "KILL").checked()
        assert pair[0].wait() == -9
        assert pair[1].status == "running"

    def test_the_expression_may_match_a_part(self, pair: list[Container]) -> None:
        call(pair[0], "kill", "--regex", pair[0].id[1:-1], "KILL").checked()
        assert pair[0].wait() == -9

    def test_delete(self, pair: list[Container]) -> None:
        for container in pair:
            container.kill().wait()
            container.wait_until("stopped")
        call(pair[0], "delete", "--regex", ".").checked()
        assert [container.exists for container in pair] == [False, False]

    def test_delete_with_force(self, pair: list[Container]) -> None:
        call(pair[0], "delete", "--force", "-r", ".").checked()
        assert [container.exists for container in pair] == [False, False]

    def test_one_that_refuses_is_a_warning(self, pair: list[Container]) -> None:
        """crun: the others go on, and the command succeeds."""
        pair[1].kill().wait()
        pair[1].wait_until("stopped")
        done = call(pair[0], "delete", "--regex", ".").checked()
        assert pair[0].id in done.stderr
        assert [container.exists for container in pair] == [True, False]

    def test_none_is_no_error(self, pair: list[Container]) -> None:
        call(pair[0], "kill", "--regex", "^there is none$", "KILL").checked()
        assert [container.status for container in pair] == ["running", "running"]

    @pytest.mark.parametrize("verb", ["kill", "delete"])
    def test_a_broken_expression_is_an_error(self, pair: list[Container], verb: str) -> None:
        assert call(pair[0], verb, "--regex", "(").status != 0
        assert [container.status for container in pair] == ["running", "running"]


class TestFlags:
    """A flag may be said with its value, as podman and scripts for crun write it."""

    def test_exec_without_a_terminal(self, container: Container) -> None:
        container.launch()
        done = call(container, "exec", "--tty=false", container.id, "sh", "-c", "test -t 1 && echo yes || echo no")
        assert done.checked().stdout.split() == ["no"]


class TestKernelMemory:
    def test_it_is_accepted(self, container: Container) -> None:
        """The kernel has given up the limit. It is no error, as for crun, which writes a file that limits nothing."""
        container.launch()
        call(
            container, "update", "--kernel-memory", "67108864", "--kernel-memory-tcp", "67108864", container.id
        ).checked()
        assert container.status == "running"


class TestMappedMounts:
    """`idmap=uids=...;gids=...` among the options of a bind mount: from ids of its files to those of the host."""

    @staticmethod
    def owners(container: Container, bundle: Bundle, option: str) -> str:
        source = bundle.aside("source")
        for name, owner in (("root", 0), ("ten", 10)):
            (source / name).touch()
            os.chown(source / name, owner, owner)
        bundle.bind(source, "/data", "rbind", option)
        return container.output("stat -c %u:%g /data/root /data/ten")

    def test_ids_of_the_host(self, container: Container, bundle: Bundle) -> None:
        option = "idmap=uids=0-1000-5#10-2000-1;gids=0-3000-20"
        assert self.owners(container, bundle, option).split() == ["1000:3000", "2000:3010"]

    def test_ids_that_are_not_mapped_are_nobody_s(self, container: Container, bundle: Bundle) -> None:
        assert self.owners(container, bundle, "idmap=uids=0-1000-5;gids=0-1000-5").split()[1] == "65534:65534"

    def test_ids_of_a_host_whose_users_the_container_maps(self, container: Container, bundle: Bundle) -> None:
        bundle.user_namespace(host_id=100000)
        option = "idmap=uids=0-100007-20;gids=0-100007-20"
        assert self.owners(container, bundle, option).split() == ["7:7", "17:17"]

    def test_ids_of_the_container(self, container: Container, bundle: Bundle) -> None:
        """crun(1): 'If the specified mapping is prepended with a '@' then the mapping is considered relative to the
        container user namespace.'"""
        bundle.user_namespace(host_id=100000)
        assert self.owners(container, bundle, "idmap=uids=@0-7-20;gids=@0-7-20").split() == ["7:7", "17:17"]

    @pytest.mark.parametrize("option", ["idmap=uids=0-1-x;gids=0-1-1", "idmap=users=0-1-1", "idmap=uids=0-1;gids=0-1"])
    def test_what_is_no_mapping_is_an_error(self, container: Container, bundle: Bundle, option: str) -> None:
        bundle.bind(bundle.aside("source"), "/data", "rbind", option)
        container.fails("create")
