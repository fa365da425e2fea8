"""The unit of a container: where it is, what it says, what it is not confused with, and that it goes."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from . import machine
from .conftest import MIB, TOKEN, Container, killed_after

New = Callable[[], Container]


def test_the_container_is_in_the_scope_that_its_path_names(container: Container) -> None:
    container.create()
    found = container.properties()
    assert found["LoadState"] == "loaded"
    assert found["ActiveState"] == "active"
    assert found["Slice"] == "machine.slice"
    assert found["Delegate"] == "yes"
    assert found["Description"] == f"sampan container {container.id}"
    assert found["ControlGroup"] == f"/machine.slice/{container.unit}"
    places = machine.memberships(container.pid)
    places.pop("rdma", None)  # a hierarchy of v1 that nobody has mounted
    assert places.pop("" if machine.is_v2() else "name=systemd") == found["ControlGroup"]


def test_on_v1_it_is_so_in_every_hierarchy_that_is_mounted(container: Container) -> None:
    if machine.is_v2():
        pytest.skip("this machine has no hierarchies of v1")
    container.create()
    mounted = {entry.name for entry in machine.CGROUPS.iterdir() if entry.is_dir()}
    for controller, path in machine.memberships(container.pid).items():
        if controller in mounted:
            assert path == f"/machine.slice/{container.unit}", controller


def test_its_cgroup_namespace_begins_at_its_cgroup(container: Container) -> None:
    container.sh("cat /proc/self/cgroup")
    done = container.run()
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        _, names, path = line.split(":", 2)
        assert path == "/" or names in ("rdma", "misc"), line


def test_its_cgroup_mount_shows_its_own_cgroup(container: Container, on_v2: None) -> None:
    container.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"})
    container.limit(pids={"limit": 17}).sh("cat /sys/fs/cgroup/pids.max")
    assert container.run().stdout == "17\n"


def test_without_a_cgroup_namespace_the_mount_shows_it_as_well(container: Container, on_v2: None) -> None:
    container.config["linux"]["namespaces"].remove({"type": "cgroup"})
    container.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"})
    container.limit(pids={"limit": 17}).sh("cat /sys/fs/cgroup/pids.max")
    assert container.run().stdout == "17\n"


def test_without_a_path_the_scope_has_the_containers_id(container: Container) -> None:
    del container.config["linux"]["cgroupsPath"]
    container.create()
    assert machine.show(f"sampan-{container.id}.scope")["ControlGroup"] == f"/system.slice/sampan-{container.id}.scope"


def test_slices_are_made_as_their_names_say(container: Container) -> None:
    """As the kubelet names them."""
    container.config["linux"]["cgroupsPath"] = f"{TOKEN}-besteffort-pod1_2.slice:cri-containerd:{container.id}"
    container.create()
    path = (
        f"/{TOKEN}.slice/{TOKEN}-besteffort.slice/{TOKEN}-besteffort-pod1_2.slice/cri-containerd-{container.id}.scope"
    )
    assert machine.show(f"cri-containerd-{container.id}.scope")["ControlGroup"] == path
    container.delete("--force")
    machine.systemctl("stop", f"{TOKEN}.slice")
    for left in reversed(
        machine.cgroups(TOKEN)
    ):  # in hierarchies of v1 that systemd does not use: nobody removes these
        left.rmdir()


def test_two_containers_in_one_slice(new_container: New) -> None:
    one, other = new_container().create(), new_container().create()
    one.delete("--force")
    assert machine.units(one.id) == []
    assert other.start().properties()["ActiveState"] == "active"
    assert other.content("cgroup.procs").split() == [str(other.pid)]


def test_a_container_may_be_in_a_slice_of_its_own(container: Container) -> None:
    container.config["linux"]["cgroupsPath"] = f"machine.slice::{container.id.replace('-', '')}.slice"
    container.limit(pids={"limit": 17}).create()
    unit = f"{container.id.replace('-', '')}.slice"
    assert machine.show(unit)["ControlGroup"] == f"/{unit}"
    assert machine.memberships(container.pid)["" if machine.is_v2() else "name=systemd"] == f"/{unit}"
    assert container.content("pids.max") == "17"
    container.delete("--force")
    assert machine.units(unit) == []


def test_a_subgroup_of_the_scope_as_crun_has_it(container: Container) -> None:
    container.config["annotations"] = {"run.oci.systemd.subgroup": "container"}
    container.limit(pids={"limit": 17}).create()
    key = "" if machine.is_v2() else "name=systemd"
    assert machine.memberships(container.pid)[key] == f"/machine.slice/{container.unit}/container"
    assert container.content("pids.max") == "17"
    assert container.properties()["TasksMax"] == "17"
    container.delete("--force")
    assert machine.cgroups(TOKEN) == []


def test_a_cgroup_below_it_is_the_container_s_own(container: Container, on_v2: None) -> None:
    container.config["annotations"] = {
        "run.oci.systemd.subgroup": "container",
        "run.oci.delegate-cgroup": "payload",
    }
    container.limit(pids={"limit": 17}).create()
    own = f"/machine.slice/{container.unit}/container"
    assert machine.memberships(container.pid)[""] == f"{own}/payload"
    assert (machine.CGROUPS / own.lstrip("/") / "pids.max").read_text() == "17\n"
    container.delete("--force")
    assert machine.cgroups(TOKEN) == []


def test_annotations_give_the_unit_properties(container: Container) -> None:
    container.config["annotations"] = {
        "org.systemd.property.TimeoutStopSec": "123",
        "org.systemd.property.Description": "'something else'",
        "org.systemd.property.Documentation": "['man:sampan(1)']",
    }
    container.create()
    found = container.properties()
    assert found["TimeoutStopUSec"] == "2min 3s"
    assert found["Description"] == "something else"
    assert found["Documentation"].strip('"') == "man:sampan(1)"


@pytest.mark.parametrize(("name", "value"), [("NoSuchThing", "5"), ("MemoryMax", "'much'"), ("Slice", "'a.scope'")])
def test_a_property_that_systemd_refuses_is_an_error_and_leaves_nothing(
    container: Container, name: str, value: str
) -> None:
    container.config["annotations"] = {f"org.systemd.property.{name}": value}
    assert container.try_to_create() != 0
    assert f"systemd did not start {container.unit}" in container.output
    assert not any(container.root.glob("*"))
    assert machine.traces(TOKEN) == []


def test_a_failure_after_the_scope_is_there_removes_it(container: Container) -> None:
    container.config["process"]["args"] = ["no-such-program"]
    container.config["mounts"].append({"destination": "/x", "type": "no-such-type", "source": "x"})
    assert container.try_to_create() != 0
    assert machine.traces(TOKEN) == []


def test_a_limit_that_the_kernel_refuses_removes_the_scope(container: Container) -> None:
    container.limit(cpu={"cpus": "4095"})
    assert container.try_to_create() != 0
    assert "linux.resources.cpu.cpus" in container.output
    assert machine.traces(TOKEN) == []


def test_a_unit_of_somebody_else_is_not_touched(new_container: New) -> None:
    one, other = new_container().create(), new_container()
    other.config["linux"]["cgroupsPath"] = one.config["linux"]["cgroupsPath"]
    assert other.try_to_create() != 0
    assert "it exists and has 1 process" in other.output
    service = f"{TOKEN}.service"
    machine.run("systemd-run", f"--unit={service}", "--property=Type=exec", "sleep", "1000")
    assert one.start().properties()["ActiveState"] == "active"
    assert machine.show(service)["ActiveState"] == "active"
    machine.systemctl("stop", service)


def test_a_unit_without_processes_that_holds_the_name_is_not_touched(container: Container) -> None:
    """Its cgroup tells nothing: only systemd knows."""
    container.config["linux"]["cgroupsPath"] = f"machine.slice::{TOKEN}x.slice"
    unit = Path(f"/run/systemd/system/{TOKEN}x.slice")
    unit.write_text("[Unit]\nDescription=of somebody else\n")
    try:
        machine.systemctl("daemon-reload")
        machine.systemctl("start", unit.name)
        assert container.try_to_create() != 0
        assert f"systemd did not start {unit.name}" in container.output
        assert machine.show(unit.name)["ActiveState"] == "active"
    finally:
        machine.run("systemctl", "stop", unit.name)
        unit.unlink()
        machine.systemctl("daemon-reload")


def test_the_name_of_a_failed_unit_is_free(container: Container) -> None:
    """Nobody has collected it: `systemctl reset-failed` frees the name."""
    failing = ("systemd-run", "--scope", f"--unit={container.unit}", "--property=RuntimeMaxSec=1", "sleep", "100")
    machine.run(*failing)
    machine.eventually(lambda: container.properties()["ActiveState"] == "failed", "the failure of the unit")
    container.create()
    assert container.properties()["ActiveState"] == "active"


def test_what_has_ended_leaves_no_unit_before_it_is_deleted(container: Container) -> None:
    container.sh("true").launch()
    container.wait()
    machine.eventually(lambda: not machine.units(container.id), "the end of the unit")
    container.delete()


def test_a_container_out_of_memory_leaves_no_failed_unit(container: Container) -> None:
    container.limit(memory={"limit": 20 * MIB, "swap": 20 * MIB}).sh("tail /dev/zero")
    assert container.run().returncode == 137
    assert machine.units(container.id) == []


def test_a_unit_that_is_kept_when_it_fails_is_gone_after_delete(container: Container) -> None:
    container.config["annotations"] = {
        "org.systemd.property.CollectMode": "'inactive'",
        "org.systemd.property.RuntimeMaxSec": "2",
        "org.systemd.property.TimeoutStopSec": "1",
    }
    container.launch()
    machine.eventually(lambda: container.properties()["ActiveState"] == "failed", "the failure of the unit")
    container.wait()
    container.delete()
    assert machine.units(container.id) == []


def test_who_stops_the_unit_ends_the_container(container: Container) -> None:
    container.config["process"]["args"] = ["sleep", "1000"]
    container.config["annotations"] = {"org.systemd.property.TimeoutStopSec": "1"}
    container.launch()
    machine.systemctl("stop", container.unit)
    assert json.loads(container.checked("state", container.id))["status"] == "stopped"
    container.delete()


def test_all_verbs_know_the_cgroup_without_the_option(container: Container) -> None:
    container.config["linux"]["namespaces"].remove({"type": "pid"})
    container.sh("sleep 1000 & sleep 1000").launch()
    container.global_options = ()
    machine.eventually(lambda: len(container.content("cgroup.procs").split()) == 2, "the second process")
    container.checked("pause", container.id)
    assert json.loads(container.checked("state", container.id))["status"] == "paused"
    container.checked("resume", container.id)
    container.checked("kill", "--all", container.id, "KILL")
    container.wait()
    container.delete()
    assert machine.units(container.id) == []


def test_a_creation_that_is_killed_is_cleaned_up_by_the_next_delete(new_container: New) -> None:
    probe = new_container()
    probe.write()
    begun = time.monotonic()
    probe.create()
    duration = time.monotonic() - begun
    for step in range(12):
        container = new_container()
        container.write()
        killed_after(container.command(*container.create_words()), duration * (step + 0.5) / 10)
        container.checked("delete", "--force", container.id)
        assert machine.traces(container.id) == [], step


def test_what_a_killed_creation_has_not_begun_is_not_taken_from_others(new_container: New) -> None:
    """Its state names a unit that another container has got in the meantime."""
    killed, other = new_container(), new_container()
    other.create()
    state = json.loads((other.root / other.id / "state.json").read_text())
    state["id"] = killed.id
    state["complete"], state["cgroup"]["started"] = False, False
    state["pid"], state["started"] = 0, 0
    state["cgroup"]["description"] = f"sampan container {killed.id}"
    (killed.root / killed.id).mkdir(parents=True, mode=0o700)
    (killed.root / killed.id / "state.json").write_text(json.dumps(state))
    killed.checked("delete", "--force", killed.id)
    assert other.start().properties()["ActiveState"] == "active"


def test_without_a_bus_systemd_is_asked_directly(container: Container) -> None:
    """In a mount namespace whose /run/dbus is empty."""
    container.write()
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run/dbus && exec "$@"', "sh"]
    with (container.directory / "output").open("w") as output:
        subprocess.run([*hide, *container.command(*container.create_words())], stdout=output, stderr=output, check=True)
    assert container.properties()["ActiveState"] == "active"
    subprocess.run([*hide, *container.command("delete", "--force", container.id)], check=True)


def test_where_systemd_cannot_be_reached_nothing_is_left(container: Container) -> None:
    container.write()
    script = 'mount -t tmpfs none /run/dbus && mount --bind /dev/null /run/systemd/private && exec "$@"'
    done = machine.run("unshare", "--mount", "sh", "-c", script, "sh", *container.command(*container.create_words()))
    assert done.returncode == 1
    assert "--systemd-cgroup: systemd cannot be reached: " in done.stderr
    assert not any(container.root.glob("*"))
