"""runtime.md#lifecycle: what the failure of each kind of hook means. Nothing may be left behind by any of them."""

from __future__ import annotations

import time

import pytest

from .bundle import Bundle
from .container import Container

CREATING = ["prestart", "createRuntime", "createContainer"]
STARTING = ["startContainer", "poststart"]


@pytest.mark.parametrize("kind", CREATING)
class TestWhileCreating:
    def test_create_is_an_error(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'If any prestart [createRuntime, createContainer] hook fails, the runtime MUST generate an error, stop the
        container, and continue the lifecycle at step 12.'"""
        bundle.hook(kind, "exit 3")
        container.fails("create")

    def test_the_container_is_gone(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'stop the container, and continue the lifecycle at step 12': 'The container MUST be destroyed'"""
        bundle.hook(kind, "exit 3")
        container.fails("create")
        assert not container.exists

    def test_later_hooks_do_not_run(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'continue the lifecycle at step 12'"""
        bundle.hook(kind, "exit 3").hook(kind, f"touch {bundle.path}/ran").hook("poststart", f"touch {bundle.path}/ran")
        container.fails("create")
        assert not (bundle.path / "ran").exists()

    def test_poststop_hooks_run(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'continue the lifecycle at step 12', after which comes 13: 'The poststop hooks MUST be invoked by the
        runtime.'"""
        bundle.hook(kind, "exit 3").hook("poststop", f"touch {bundle.path}/ran")
        container.fails("create")
        assert (bundle.path / "ran").exists()

    def test_the_message_tells_what_the_hook_said(self, container: Container, bundle: Bundle, kind: str) -> None:
        """A person must find out which hook, and why."""
        bundle.hook(kind, "echo the disk is full >&2; exit 3")
        message = container.fails("create").stderr
        assert "hook" in message or "the disk is full" in message

    def test_a_missing_program_is_a_failure(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'If any ... hook fails'"""
        bundle.add(f"hooks.{kind}", {"path": "/no/such/hook"})
        container.fails("create")
        assert not container.exists

    def test_a_hook_that_is_killed_is_a_failure(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'If any ... hook fails'"""
        bundle.hook(kind, "kill -9 $$")
        container.fails("create")

    def test_a_hook_that_takes_too_long_is_aborted(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'timeout (int, OPTIONAL) is the number of seconds before aborting the hook.'"""
        bundle.hook(kind, f"echo $$ > {bundle.path}/pid; exec sleep 30", timeout=1)
        started = time.monotonic()
        container.fails("create")
        assert time.monotonic() - started < 10
        assert not container.exists

    def test_the_same_id_can_be_created_then(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'generating an error MUST leave the state of the environment as if the operation were never attempted'"""
        bundle.hook(kind, "exit 3")
        container.fails("create")
        bundle.drop("hooks")
        assert container.create().status == "created"


@pytest.mark.parametrize("kind", STARTING)
class TestWhileStarting:
    def test_start_is_an_error(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'If any startContainer [poststart] hook fails, the runtime MUST generate an error, stop the container, and
        continue the lifecycle at step 12.'"""
        bundle.hook(kind, "exit 3")
        container.create().fails("start")

    def test_the_container_does_not_run(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'stop the container'"""
        bundle.hook(kind, "exit 3")
        container.create().fails("start")
        if container.exists:
            container.wait_until("stopped")

    def test_run_is_an_error(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'the runtime MUST generate an error'"""
        bundle.hook(kind, "exit 3").args("sleep", "5")
        assert container.run().status != 0
        assert not container.exists

    def test_a_hook_that_takes_too_long_is_aborted(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'timeout (int, OPTIONAL) is the number of seconds before aborting the hook.'"""
        bundle.hook(kind, "exec sleep 30", timeout=1)
        started = time.monotonic()
        container.create().fails("start")
        assert time.monotonic() - started < 10


def test_after_a_failed_start_container_hook_the_program_has_not_run(container: Container, bundle: Bundle) -> None:
    """'The startContainer hooks MUST be called before the user-specified process is executed'"""
    bundle.hook("startContainer", "exit 3").sh("touch /ran")
    container.create().fails("start")
    assert not (bundle.rootfs / "ran").exists()


class TestPoststop:
    def test_a_failure_is_only_a_warning(self, container: Container, bundle: Bundle) -> None:
        """'If any poststop hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle continue
        as if the hook had succeeded.'"""
        bundle.hook("poststop", "exit 3").args("true")
        container.launch().wait()
        container.delete()
        assert not container.exists

    def test_the_remaining_hooks_run(self, container: Container, bundle: Bundle) -> None:
        """'but the remaining hooks and lifecycle continue as if the hook had succeeded'"""
        bundle.hook("poststop", "exit 3").hook("poststop", f"touch {bundle.path}/ran").args("true")
        container.launch().wait()
        container.delete()
        assert (bundle.path / "ran").exists()

    def test_the_failure_is_told(self, container: Container, bundle: Bundle) -> None:
        """'the runtime MUST log a warning'"""
        bundle.hook("poststop", "exit 3").args("true")
        container.launch().wait()
        assert "hook" in container.call("delete").checked().stderr

    def test_a_run_succeeds_nevertheless(self, container: Container, bundle: Bundle) -> None:
        """'lifecycle continue[s] as if the hook had succeeded'"""
        bundle.hook("poststop", "exit 3").sh("exit 7")
        assert container.run().status == 7

    def test_one_that_takes_too_long_is_aborted(self, container: Container, bundle: Bundle) -> None:
        """'timeout (int, OPTIONAL) is the number of seconds before aborting the hook.'"""
        bundle.hook("poststop", "exec sleep 30", timeout=1).args("true")
        container.launch().wait()
        started = time.monotonic()
        container.delete()
        assert time.monotonic() - started < 10
