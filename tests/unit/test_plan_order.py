"""The plan as a whole: what comes before what, how namespaces are made and joined, the root, and what confines it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from sampan.errors import ConfigError
from sampan.plan import operations as op
from sampan.plan.compile import compile_plan
from sampan.plan.host import Host
from sampan.plan.operations import Operation, Plan
from sampan.spec.config import load

RDONLY = 0x1
MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, WHOLE_TREE = 1 << 18, 1 << 19, 1 << 20, 1 << 17, 1 << 32
FLAGS = {
    "user": op.NEWUSER,
    "pid": op.NEWPID,
    "network": op.NEWNET,
    "ipc": op.NEWIPC,
    "uts": op.NEWUTS,
    "mount": op.NEWNS,
    "cgroup": op.NEWCGROUP,
    "time": op.NEWTIME,
}
IDS = [{"containerID": 0, "hostID": 100000, "size": 65536}]
HOOK = {"path": "/bin/hook"}


def compiled(*, host: Host | None = None, linux: dict[str, Any] | None = None, **changes: Any) -> Plan:
    """The plan of a small configuration with a mount namespace, changed."""
    document = {
        "ociVersion": "1.0.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}]} | (linux or {}),
    } | changes
    return compile_plan(load(json.dumps(document).encode()), host or Host("web", "/bundle"))


def in_namespaces(*new: str, tasks: tuple[str, ...] = (), **joined: Any) -> Plan:
    """The plan with these namespaces, "user" with a mapping; ``tasks`` are files of v1 cgroups."""
    host = Host("web", "/bundle")
    host.cgroup_tasks = tasks
    entries: list[dict[str, str]] = [{"type": kind} for kind in new]
    entries += [{"type": kind, "path": path} for kind, path in joined.items()]
    mappings = {"uidMappings": IDS, "gidMappings": IDS} if "user" in new else {}
    return compiled(host=host, linux={"namespaces": entries, **mappings})


def names(plan: Plan) -> list[str]:
    return [operation.name for operation in plan.operations]


def all_of(plan: Plan, name: str) -> list[Operation]:
    return [operation for operation in plan.operations if operation.name == name]


def arguments(plan: Plan, name: str) -> list[tuple[object, ...]]:
    return [operation.args for operation in all_of(plan, name)]


def place(plan: Plan, name: str, *args: object) -> int:
    """Where the one operation of this name, and these first arguments, stands."""
    found = [
        index
        for index, operation in enumerate(plan.operations)
        if operation.name == name and operation.args[: len(args)] == args
    ]
    assert len(found) == 1, f"{name}{args}: {found} in {names(plan)}"
    return found[0]


class TestNamespaces:
    @pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "mount"])
    def test_a_new_namespace_is_there_from_birth(self, kind: str) -> None:
        plan = in_namespaces(kind)
        assert plan.clone_flags == FLAGS[kind]
        assert "fork" not in names(plan)

    def test_all_that_can_be_are_born_at_once(self) -> None:
        plan = in_namespaces("pid", "network", "ipc", "uts", "mount", "cgroup")
        assert plan.clone_flags == op.NEWPID | op.NEWNET | op.NEWIPC | op.NEWUTS | op.NEWNS

    def test_a_cgroup_namespace_is_made_when_the_process_is_in_its_cgroup(self) -> None:
        plan = in_namespaces("mount", "cgroup", tasks=("/sys/fs/cgroup/pids/web/tasks",))
        assert arguments(plan, "unshare") == [(op.NEWCGROUP,)]
        assert place(plan, "enter_cgroup") < place(plan, "unshare")
        assert not plan.clone_flags & op.NEWCGROUP

    @pytest.mark.parametrize("kind", ["network", "ipc", "uts", "mount", "cgroup", "time"])
    def test_a_joined_namespace_needs_no_second_process(self, kind: str) -> None:
        joined: dict[str, Any] = {kind: f"/run/ns/{kind}"}
        plan = in_namespaces(**joined)
        assert names(plan).count("fork") == 0
        assert arguments(plan, "join") == [(0, FLAGS[kind], 0)]
        descriptor = plan.descriptors[0]
        assert (descriptor.kind, descriptor.path, descriptor.flags) == ("namespace", f"/run/ns/{kind}", FLAGS[kind])
        assert descriptor.cause == "linux.namespaces[0].path"

    def test_a_joined_pid_namespace_begins_with_the_next_child(self) -> None:
        """pid_namespaces(7): setns changes the namespace of the children that are made afterwards."""
        plan = in_namespaces("mount", "uts", pid="/proc/9/ns/pid")
        assert plan.clone_flags == 0
        assert place(plan, "join") < place(plan, "fork", op.NEWNS | op.NEWUTS)

    def test_joined_and_new_ones_mix(self) -> None:
        plan = in_namespaces("mount", "pid", network="/run/netns/x")
        assert plan.clone_flags == op.NEWNS | op.NEWPID
        assert arguments(plan, "join") == [(0, op.NEWNET, 0)]

    def test_a_joined_mount_namespace_comes_last_since_paths_change_their_meaning_there(self) -> None:
        plan = in_namespaces(mount="/m", ipc="/i", network="/n", uts="/u")
        assert [flag for _, flag, _ in arguments(plan, "join")][-1] == op.NEWNS

    def test_around_a_joined_user_namespace_the_others_are_tried_twice(self) -> None:
        """What belongs to the host can be joined only before it, what belongs to the user namespace only after it."""
        plan = in_namespaces("mount", user="/u", network="/n", ipc="/i")
        joins = [(flag, early) for _, flag, early in arguments(plan, "join")]
        middle = joins.index((op.NEWUSER, 0))
        others = {op.NEWNET, op.NEWIPC}
        assert {flag for flag, _ in joins[:middle]} == {flag for flag, _ in joins[middle + 1 :]} == others
        assert [early for _, early in joins] == [1, 1, 0, 0, 0]
        assert middle < place(plan, "fork", op.NEWNS)
        assert arguments(plan, "become_root") == [(1,)]
        assert "await" not in names(plan), "the mapping of a joined user namespace is there already"

    def test_a_new_user_namespace_waits_for_its_mapping_before_anything_else(self) -> None:
        plan = in_namespaces("user", "mount", "pid")
        assert plan.clone_flags == 0
        assert names(plan)[:3] == ["fork", "await", "become_root"]
        assert plan.operations[0].args == (op.NEWUSER | op.NEWNS | op.NEWPID,)
        assert plan.operations[1].args == (op.MAPPED,)
        assert plan.operations[2].args == (0,)

    def test_without_a_root_in_the_mapping_nobody_becomes_root(self) -> None:
        ids = [{"containerID": 1000, "hostID": 1000, "size": 1}]
        linux = {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": ids, "gidMappings": ids}
        assert "become_root" not in names(compiled(linux=linux))

    def test_every_mix_of_namespaces_compiles(self) -> None:
        for choice in itertools.product(("", "new", "joined"), repeat=len(FLAGS)):
            kinds = dict(zip(FLAGS, choice, strict=True))
            if kinds["uts"] != "new" and kinds["mount"] == "":
                continue  # a third of all is enough
            joined: dict[str, Any] = {kind: "/ns" for kind, how in kinds.items() if how == "joined"}
            plan = in_namespaces(*[kind for kind, how in kinds.items() if how == "new"], **joined)
            forks = arguments(plan, "fork")
            assert len(forks) == (kinds["user"] != "" or kinds["pid"] == "joined")
            born = plan.clone_flags or (forks[0][0] if forks else 0)
            assert born == sum(
                FLAGS[kind] for kind, how in kinds.items() if how == "new" and kind not in ("cgroup", "time")
            )
            assert not (plan.clone_flags and forks)

    def test_a_new_network_namespace_gets_its_loopback(self) -> None:
        assert "loopback" in names(in_namespaces("network", "mount"))
        assert "loopback" not in names(in_namespaces("mount", network="/run/netns/x"))


class TestTime:
    def test_the_offsets_are_written_as_the_kernel_reads_them(self) -> None:
        linux = {
            "namespaces": [{"type": "time"}, {"type": "mount"}],
            "timeOffsets": {"monotonic": {"secs": 172800, "nanosecs": 5}, "boottime": {"secs": -60}},
        }
        plan = compiled(linux=linux)
        assert arguments(plan, "time_offsets") == [("monotonic 172800 5\nboottime -60 0\n", 0)]
        assert place(plan, "private_proc") < place(plan, "time_offsets")

    def test_a_time_namespace_without_offsets_is_made_too(self) -> None:
        assert arguments(in_namespaces("time", "mount"), "time_offsets") == [("", 0)]

    def test_it_belongs_to_a_new_user_namespace_but_not_to_a_joined_one(self) -> None:
        new, joined = in_namespaces("time", "mount", "user"), in_namespaces("time", "mount", user="/proc/9/ns/user")
        assert place(new, "become_root") < place(new, "undumpable") < place(new, "time_offsets")
        assert arguments(new, "time_offsets") == [("", 1)]
        assert place(joined, "private_proc") < place(joined, "time_offsets") < place(joined, "join")
        assert arguments(joined, "time_offsets") == [("", 0)]

    def test_a_joined_one_has_its_offsets(self) -> None:
        assert "time_offsets" not in names(in_namespaces("mount", time="/proc/9/ns/time"))


class TestIdentity:
    def test_hostname_and_domainname(self) -> None:
        linux = {"namespaces": [{"type": "uts"}, {"type": "mount"}]}
        plan = compiled(hostname="web", domainname="example.org", linux=linux)
        assert arguments(plan, "hostname") == [("web",)]
        assert arguments(plan, "domainname") == [("example.org",)]

    def test_the_session_keyring_has_no_name_or_is_left_to_the_caller(self) -> None:
        assert arguments(compiled(), "keyring") == [()]
        host = Host("web", "/bundle")
        host.keyring = False
        assert "keyring" not in names(compiled(host=host))

    def test_nobody_may_look_into_init_before_it_touches_the_containers_files(self) -> None:
        """CVE-2016-9962"""
        plan = compiled()
        assert place(plan, "undumpable") < place(plan, "root")

    @pytest.mark.parametrize(("privileged", "path"), [(True, ""), (False, ""), (False, "/proc/9/ns/user")])
    def test_only_who_could_not_look_into_init_otherwise_may_while_it_waits(self, privileged: bool, path: str) -> None:
        """And nobody, where others are in the user namespace already."""
        host = Host("web", "/bundle")
        host.privileged, host.wait_for_start = privileged, True
        user = {"type": "user", "path": path} if path else {"type": "user"}
        linux: dict[str, Any] = {"namespaces": [{"type": "mount"}, user]}
        linux |= {} if path else {"uidMappings": IDS, "gidMappings": IDS}
        plan = compiled(linux=linux, hooks={"createContainer": [HOOK]}, host=host)
        order = [name for name in names(plan) if name in ("dumpable", "undumpable", "await_start")]
        open_while_it_waits = ["undumpable", "dumpable", "undumpable", "dumpable", "await_start"]
        assert order == (["undumpable", "await_start"] if privileged or path else open_while_it_waits)

    def test_oom_score_adj_is_written_only_where_it_is_set(self) -> None:
        """ "If `oomScoreAdj` is not set, the runtime MUST NOT change the value of `oom_score_adj`." """
        process = {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}}
        plan = compiled(process=process | {"oomScoreAdj": -5})
        assert arguments(plan, "write_proc") == [("self/oom_score_adj", "-5")]
        assert arguments(compiled(process=process | {"oomScoreAdj": 0}), "write_proc") == [("self/oom_score_adj", "0")]
        assert arguments(compiled(), "write_proc") == []


class TestRoot:
    @pytest.mark.parametrize("path, expected", [("rootfs", "/bundle/rootfs"), ("/srv/root", "/srv/root")])
    def test_a_relative_root_is_relative_to_the_bundle(self, path: str, expected: str) -> None:
        """ "either an absolute path or a relative path to the bundle" """
        assert arguments(compiled(root={"path": path}), "root")[0][0] == expected

    def test_the_hosts_mounts_are_slaves_before_anything_is_mounted(self) -> None:
        plan = compiled()
        assert arguments(plan, "propagation") == [(MS_SLAVE | WHOLE_TREE,)]
        assert place(plan, "propagation") < place(plan, "root")

    @pytest.mark.parametrize(
        "name, flag", [("slave", MS_SLAVE), ("private", MS_PRIVATE), ("unbindable", MS_UNBINDABLE)]
    )
    def test_the_propagation_of_the_root(self, name: str, flag: int) -> None:
        plan = compiled(linux={"rootfsPropagation": name})
        assert arguments(plan, "root") == [("/bundle/rootfs", flag | WHOLE_TREE)]

    def test_a_shared_root_is_shared_after_the_pivot_which_refuses_one(self) -> None:
        plan = compiled(linux={"rootfsPropagation": "shared"})
        assert arguments(plan, "root") == [("/bundle/rootfs", 0)]
        assert place(plan, "pivot") < place(plan, "propagation", MS_SHARED)

    def test_a_read_only_root_is_sealed_when_all_is_made_in_it(self) -> None:
        mounts = [{"destination": "/a", "type": "tmpfs"}]
        root = {"path": "rootfs", "readonly": True}
        plan = compiled(root=root, mounts=mounts, linux={"maskedPaths": ["/proc/kcore"]})
        seal = place(plan, "attributes", "/", RDONLY)
        assert max(place(plan, "mount"), place(plan, "mask")) < seal < place(plan, "pivot")
        assert "attributes" not in names(compiled())

    def test_no_pivot_hides_the_hosts_procfs_and_moves_the_root(self) -> None:
        host = Host("web", "/bundle")
        host.pivot = False
        host.proc_mounts = ("/host/proc", "/sys")
        plan = compiled(host=host)
        assert "pivot" not in names(plan)
        assert arguments(plan, "unmount") == [("/host/proc",), ("/sys",)]
        assert place(plan, "unmount", "/sys") < place(plan, "move_root")

    @pytest.mark.parametrize("namespaces", [[], [{"type": "mount", "path": "/m"}]])
    def test_without_a_new_mount_namespace_the_root_is_changed_and_nothing_mounted(
        self, namespaces: list[dict[str, str]]
    ) -> None:
        plan = compiled(linux={"namespaces": namespaces})
        assert arguments(plan, "chroot") == [("/bundle/rootfs",)]
        assert not {"root", "pivot", "mount", "device", "propagation"} & set(names(plan))


class TestConfinement:
    def test_masks_and_read_only_paths_come_after_the_hooks_and_before_the_pivot(self) -> None:
        """A hook of createContainer may still mount below them."""
        linux = {"maskedPaths": ["/proc/kcore", "/sys/firmware"], "readonlyPaths": ["/proc/sys"]}
        plan = compiled(linux=linux | {"namespaces": [{"type": "mount"}]}, hooks={"createContainer": [HOOK]})
        assert arguments(plan, "mask") == [("/proc/kcore",), ("/sys/firmware",)]
        assert arguments(plan, "readonly_path") == [("/proc/sys",)]
        hooks = place(plan, "await", op.HOOKS)
        assert hooks < place(plan, "readonly_path") < place(plan, "mask", "/proc/kcore") < place(plan, "pivot")
        assert all_of(plan, "mask")[1].cause == "linux.maskedPaths[1]"

    @pytest.mark.parametrize(
        "name, path",
        [
            ("net.ipv4.ip_forward", "sys/net/ipv4/ip_forward"),
            ("net/ipv4/ip_forward", "sys/net/ipv4/ip_forward"),
            ("net.ipv4.conf.eth0/1.forwarding", "sys/net/ipv4/conf/eth0.1/forwarding"),
            ("net/ipv4/conf/eth0.1/forwarding", "sys/net/ipv4/conf/eth0.1/forwarding"),
        ],
    )
    def test_a_sysctl_is_written_through_the_runtimes_own_procfs(self, name: str, path: str) -> None:
        namespaces = [{"type": "network"}, {"type": "mount"}]
        plan = compiled(linux={"namespaces": namespaces, "sysctl": {name: "1"}})
        assert arguments(plan, "write_proc") == [(path, "1")]
        assert all_of(plan, "write_proc")[0].cause == f"linux.sysctl[{name}]"
        assert place(plan, "private_proc") < place(plan, "write_proc")

    def test_a_missing_working_directory_is_made(self) -> None:
        process = {"cwd": "/srv/app", "args": ["sh"], "user": {"uid": 0, "gid": 0}}
        plan = compiled(process=process, root={"path": "rootfs", "readonly": True})
        assert place(plan, "directory", "/srv/app") < place(plan, "attributes", "/")
        assert "directory" not in names(compiled())


class TestHooks:
    @pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
    def test_the_hooks_of_create_run_when_all_is_mounted_and_before_the_pivot(self, kind: str) -> None:
        """config.md: "called after the runtime environment has been created [...] but before the `pivot_root`" """
        plan = compiled(hooks={kind: [HOOK]}, mounts=[{"destination": "/a", "type": "tmpfs"}])
        last = max(index for index, name in enumerate(names(plan)) if name in ("mount", "device", "symlink"))
        assert last < place(plan, "await", op.HOOKS) < place(plan, "pivot")

    @pytest.mark.parametrize("kind", ["startContainer", "poststart", "poststop"])
    def test_the_other_hooks_need_no_stop(self, kind: str) -> None:
        assert "await" not in names(compiled(hooks={kind: [HOOK]}))

    def test_an_empty_list_of_hooks_needs_no_stop(self) -> None:
        assert "await" not in names(compiled(hooks={"createRuntime": []}))


class TestStart:
    def test_create_waits_on_a_socket_of_its_own(self) -> None:
        host = Host("web", "/bundle")
        host.wait_for_start = True
        plan = compiled(host=host)
        slot, point = arguments(plan, "await_start")[0]
        assert point == op.CREATED
        assert plan.descriptors[int(str(slot))].kind == "listener"

    def test_run_waits_for_the_engine(self) -> None:
        plan = compiled()
        assert arguments(plan, "await_start") == [(-1, op.CREATED)]
        assert plan.descriptors == []

    def test_a_container_without_a_process_waits_and_has_nothing_to_become(self) -> None:
        document = {"ociVersion": "1.0.0", "root": {"path": "r"}, "linux": {"namespaces": [{"type": "mount"}]}}
        plan = compile_plan(load(json.dumps(document).encode()), Host("web", "/bundle"))
        assert names(plan)[-1] == "await_start"

    def test_all_v1_cgroups_are_entered_first(self) -> None:
        host = Host("web", "/bundle")
        host.cgroup_tasks = ("/a/tasks", "/b/tasks")
        plan = compiled(host=host)
        assert names(plan)[:2] == ["enter_cgroup", "enter_cgroup"]
        assert [(descriptor.kind, descriptor.path) for descriptor in plan.descriptors] == [
            ("cgroup", "/a/tasks"),
            ("cgroup", "/b/tasks"),
        ]

    def test_groups_of_operations_are_whole(self) -> None:
        """`sampan plan` prints each group once."""
        plan = compiled(hooks={"createRuntime": [HOOK]}, mounts=[{"destination": "/a", "type": "tmpfs"}])
        groups = [group for group, _ in itertools.groupby(operation.group for operation in plan.operations)]
        assert len(groups) == len(set(groups)), groups
        assert all(groups)


NETWORK = {"namespaces": [{"type": "network"}, {"type": "mount"}]}
DEVICES = {"netDevices": {"eth1": {"name": "eth%d"}, "eth0": {"name": "net0"}, "ens4": {}}}


class TestNetworkDevices:
    """config-linux.md, Network Devices"""

    def test_they_are_moved_under_their_names_and_templates_last(self) -> None:
        """What the kernel makes of a template must not be a name that another device is to have."""
        moves = compiled(linux=DEVICES | NETWORK).device_moves
        assert [(move.device, move.name) for move in moves] == [("eth0", "net0"), ("ens4", "ens4"), ("eth1", "eth%d")]
        assert moves[0].cause == 'linux.netDevices["eth0"]'

    def test_after_the_mounts_and_before_the_hooks_and_the_sysctls(self) -> None:
        linux = DEVICES | NETWORK | {"sysctl": {"net.ipv4.conf.net0.forwarding": "1"}}
        mounts = [{"destination": "/sys", "type": "sysfs"}]
        plan = compiled(linux=linux, mounts=mounts, hooks={"createRuntime": [HOOK]})
        moved = place(plan, "await", op.MOVED)
        assert place(plan, "mount") < moved < place(plan, "await", op.HOOKS) < place(plan, "write_proc")

    def test_without_them_nothing_waits(self) -> None:
        assert op.MOVED not in [args[0] for args in arguments(compiled(linux=NETWORK), "await")]

    def test_without_a_network_namespace_they_are_refused(self) -> None:
        document = {"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "linux": DEVICES}
        with pytest.raises(ConfigError, match=r"linux\.netDevices: needs a network namespace"):
            compile_plan(load(json.dumps(document).encode()), Host("web", "/bundle"))


class TestRefused:
    def test_a_label_on_a_kernel_without_selinux(self) -> None:
        with pytest.raises(ConfigError, match=r"linux\.mountLabel"):
            compiled(linux={"namespaces": [{"type": "mount"}], "mountLabel": "label"})
