"""config.md#mounts as operations: every option of its table, binds, file systems, remounts, cgroups, refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sampan.errors import ConfigError
from sampan.plan import mounts
from sampan.plan.compile import compile_plan
from sampan.plan.host import CgroupMount, Host
from sampan.plan.operations import Descriptor, Plan
from sampan.spec.config import load

REPO = Path(__file__).resolve().parents[2]
CONFIG_MD = REPO.parent / "shared" / "spec" / "runtime-spec" / "config.md"

# include/uapi/linux/mount.h
RDONLY, NOSUID, NODEV, NOEXEC, ATIME = 0x1, 0x2, 0x4, 0x8, 0x70
RELATIME, NOATIME, STRICTATIME, NODIRATIME, NOSYMFOLLOW = 0x0, 0x10, 0x20, 0x80, 0x200000
MS_IVERSION, MS_SILENT, MS_SYNCHRONOUS = 1 << 23, 1 << 15, 16
MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20
WHOLE_TREE = 1 << 32


class Mount(NamedTuple):
    """The arguments of the operation `mount`, by name (native/mounts.c)."""

    kind: int
    source: str
    slot: int
    target: str
    file_system: str
    data: bytes
    set: int
    clear: int
    r_set: int
    r_clear: int
    propagations: bytes
    flags: int
    classic: int

    @property
    def options(self) -> list[str]:
        return self.data.decode().split("\0")[:-1]

    @property
    def propagation(self) -> list[int]:
        return [int.from_bytes(self.propagations[at : at + 8], "little") for at in range(0, len(self.propagations), 8)]


def compiled(
    *entries: dict[str, Any], host: Host | None = None, annotations: dict[str, str] | None = None, **linux: Any
) -> Plan:
    linux = {"namespaces": [{"type": "mount"}, {"type": "pid"}]} | linux
    document = {
        "ociVersion": "1.0.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "mounts": entries,
        "annotations": annotations or {},
        "linux": linux,
    }
    return compile_plan(load(json.dumps(document).encode()), host or Host("web", "/bundle"))


def mounts_of(plan: Plan) -> list[Mount]:
    return [Mount(*operation.args) for operation in plan.operations if operation.name == "mount"]  # type: ignore[arg-type]


def tmpfs(*options: str, destination: str = "/data", **more: Any) -> Mount:
    entry = {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": options, **more}
    return mounts_of(compiled(entry))[0]


def bind(*options: str, destination: str = "/data", **more: Any) -> Mount:
    entry = {"destination": destination, "source": "/volumes/data", "options": ["bind", *options], **more}
    return mounts_of(compiled(entry))[0]


# "Runtimes MUST/SHOULD/MAY implement the following option strings for Linux"
ATTRIBUTES_SET = {
    "ro": RDONLY,
    "nosuid": NOSUID,
    "nodev": NODEV,
    "noexec": NOEXEC,
    "noatime": NOATIME,
    "strictatime": STRICTATIME,
    "nodiratime": NODIRATIME,
    "nosymfollow": NOSYMFOLLOW,
}
# each takes back what is set before it
OPPOSITES = {
    "rw": "ro",
    "suid": "nosuid",
    "dev": "nodev",
    "exec": "noexec",
    "atime": "noatime",
    "relatime": "noatime",
    "nostrictatime": "strictatime",
    "diratime": "nodiratime",
    "symfollow": "nosymfollow",
}
# "Recursive `ro` [^3]", "[^3]: These `AT_RECURSIVE` options": (set, clear)
RECURSIVE = {
    "rro": (RDONLY, 0),
    "rrw": (0, RDONLY),
    "rnosuid": (NOSUID, 0),
    "rsuid": (0, NOSUID),
    "rnodev": (NODEV, 0),
    "rdev": (0, NODEV),
    "rnoexec": (NOEXEC, 0),
    "rexec": (0, NOEXEC),
    "rnoatime": (NOATIME, ATIME),
    "ratime": (RELATIME, ATIME),
    "rstrictatime": (STRICTATIME, ATIME),
    "rnostrictatime": (RELATIME, ATIME),
    "rrelatime": (RELATIME, ATIME),
    "rnorelatime": (RELATIME, ATIME),
    "rnodiratime": (NODIRATIME, 0),
    "rdiratime": (0, NODIRATIME),
    "rnosymfollow": (NOSYMFOLLOW, 0),
    "rsymfollow": (0, NOSYMFOLLOW),
}
# "Bind mount propagation"
PROPAGATIONS = {
    "shared": MS_SHARED,
    "slave": MS_SLAVE,
    "private": MS_PRIVATE,
    "unbindable": MS_UNBINDABLE,
    "rshared": MS_SHARED | WHOLE_TREE,
    "rslave": MS_SLAVE | WHOLE_TREE,
    "rprivate": MS_PRIVATE | WHOLE_TREE,
    "runbindable": MS_UNBINDABLE | WHOLE_TREE,
}
# flags of the file system itself, which fsconfig(2) takes as words
SUPERBLOCK = ("sync", "dirsync", "mand", "lazytime")
# what only mount(2) can say
CLASSIC = {"iversion": MS_IVERSION, "silent": MS_SILENT}
WITHOUT_EFFECT = ("defaults", "async", "loud", "nomand", "nolazytime", "noiversion", "norelatime")
MANNERS = ("bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap")


def test_the_tables_of_this_file_have_every_option_of_the_specification() -> None:
    if not CONFIG_MD.exists():
        pytest.skip(f"{CONFIG_MD} is not there")
    table = set(re.findall(r"^ `([a-z]+) *` +\| (?:MUST|SHOULD|MAY)", CONFIG_MD.read_text(), re.MULTILINE))
    assert len(table) > 60
    tables = (ATTRIBUTES_SET, OPPOSITES, RECURSIVE, PROPAGATIONS, SUPERBLOCK, CLASSIC, WITHOUT_EFFECT, MANNERS)
    here = {option for group in tables for option in group}
    assert here - table == {"rnodev"}, "which features.md lists"
    assert table - here == set()


@pytest.mark.parametrize("option, attribute", ATTRIBUTES_SET.items())
def test_an_attribute_is_set_on_file_systems_and_binds(option: str, attribute: int) -> None:
    assert tmpfs(option).set == attribute
    assert bind(option).set == attribute
    assert tmpfs(option).r_set == bind(option).r_set == 0


@pytest.mark.parametrize("option, opposite", OPPOSITES.items())
def test_of_opposite_options_the_last_one_counts(option: str, opposite: str) -> None:
    assert tmpfs(opposite, option).set == 0
    assert tmpfs(option, opposite).set == ATTRIBUTES_SET[opposite]
    assert bind(opposite, option).set == 0


def test_access_time_modes_replace_each_other() -> None:
    assert tmpfs("noatime", "strictatime").set == STRICTATIME
    assert tmpfs("strictatime", "noatime").set == NOATIME
    assert tmpfs("strictatime", "relatime").set == RELATIME
    assert tmpfs("noatime", "nodiratime").set == NOATIME | NODIRATIME


@pytest.mark.parametrize("option", ["rw", "suid", "dev", "exec"])
def test_a_bind_never_lifts_what_the_mount_of_its_source_forbids(option: str) -> None:
    assert bind(option).clear == 0


@pytest.mark.parametrize("option, expected", RECURSIVE.items())
def test_a_recursive_attribute_is_for_the_whole_tree(option: str, expected: tuple[int, int]) -> None:
    for mount in (bind(option), tmpfs(option)):
        assert (mount.r_set, mount.r_clear) == expected
        assert (mount.set, mount.clear, mount.options) == (0, 0, [])


def test_of_opposite_recursive_attributes_the_last_one_counts() -> None:
    assert (bind("rro", "rrw").r_set, bind("rro", "rrw").r_clear) == (0, RDONLY)
    assert (bind("rrw", "rro").r_set, bind("rrw", "rro").r_clear) == (RDONLY, 0)
    assert (bind("rnoatime", "rstrictatime").r_set, bind("rnoatime", "rstrictatime").r_clear) == (STRICTATIME, ATIME)


@pytest.mark.parametrize("option, expected", PROPAGATIONS.items())
def test_a_propagation_is_set_after_mounting(option: str, expected: int) -> None:
    assert bind(option).propagation == [expected]
    assert tmpfs(option).propagation == [expected]


def test_several_propagations_keep_their_order() -> None:
    assert bind("rslave", "rshared").propagation == [MS_SLAVE | WHOLE_TREE, MS_SHARED | WHOLE_TREE]


@pytest.mark.parametrize("option", SUPERBLOCK)
def test_a_flag_of_the_file_system_is_one_of_its_options(option: str) -> None:
    assert tmpfs(option).options == [option]
    assert bind(option).options == []


@pytest.mark.parametrize("option, opposite", [("async", "sync"), ("nomand", "mand"), ("nolazytime", "lazytime")])
def test_a_flag_of_the_file_system_is_taken_back(option: str, opposite: str) -> None:
    assert tmpfs(opposite, option).options == []


@pytest.mark.parametrize("option, flag", CLASSIC.items())
def test_what_only_mount_2_can_say_goes_by_mount_2(option: str, flag: int) -> None:
    mount = tmpfs(option, "ro", "size=1m")
    assert mount.kind == mounts.CLASSIC
    assert mount.classic == flag | RDONLY
    assert mount.data == b"size=1m"


@pytest.mark.parametrize("option, opposite", [("noiversion", "iversion"), ("loud", "silent")])
def test_what_only_mount_2_can_say_is_taken_back(option: str, opposite: str) -> None:
    assert tmpfs(opposite, option).kind == mounts.FILESYSTEM


@pytest.mark.parametrize("option", WITHOUT_EFFECT)
def test_an_option_that_says_the_default_changes_nothing(option: str) -> None:
    assert tmpfs(option) == tmpfs()
    assert bind(option) == bind()


def test_bind_is_of_one_mount_and_rbind_of_the_tree() -> None:
    """ "A mount is a bind mount if it has either `bind` or `rbind` in the options." """
    assert (bind().kind, bind().flags) == (mounts.BIND, 0)
    entry = {"destination": "/data", "type": "none", "source": "/volumes/testing", "options": ["rbind", "rw"]}
    mount = mounts_of(compiled(entry))[0]
    assert (mount.kind, mount.flags, mount.source) == (mounts.BIND, mounts.F_RECURSIVE, "/volumes/testing")


def test_the_type_of_a_bind_is_a_dummy() -> None:
    """ "For bind mounts (when `options` include either `bind` or `rbind`), the type is a dummy, often "none"." """
    assert bind(type="ext4") == bind(type="none") == bind()


def test_tmpcopyup_copies_up_the_contents_to_a_tmpfs() -> None:
    assert tmpfs("tmpcopyup").flags & mounts.F_COPY_UP
    assert not tmpfs().flags & mounts.F_COPY_UP
    assert tmpfs("tmpcopyup").options == []


def test_a_remount_gives_exactly_the_listed_attributes() -> None:
    mount = mounts_of(compiled({"destination": "/data", "options": ["remount", "bind", "ro", "nosuid"]}))[0]
    assert (mount.kind, mount.target, mount.set) == (mounts.REMOUNT, "/data", RDONLY | NOSUID)
    assert mount.clear & (NODEV | NOEXEC) == NODEV | NOEXEC
    assert not mount.clear & mount.set
    assert mount.options == []


def test_a_remount_that_is_no_bind_is_one_of_the_file_system() -> None:
    mount = mounts_of(compiled({"destination": "/data", "options": ["remount", "ro", "size=2m"]}))[0]
    assert mount.options == ["ro", "size=2m"]


@pytest.mark.parametrize("option", ["rro", "rprivate"])
def test_a_remount_does_not_drop_what_else_it_is_told(option: str) -> None:
    """What cannot be done is an error; init's remount applies neither recursive attributes nor a propagation."""
    with pytest.raises(ConfigError, match=r"mounts\[0\]\.options"):
        compiled({"destination": "/data", "options": ["remount", "bind", "ro", option]})


@pytest.mark.parametrize("option, recursive", [("idmap", False), ("ridmap", True)])
def test_idmap_uses_the_mappings_of_the_mount(option: str, recursive: bool) -> None:
    """ "If `uidMappings` or `gidMappings` are specified for the mount, the runtime MUST use those values" """
    ids = [{"containerID": 0, "hostID": 1000, "size": 10}]
    entry = {"destination": "/d", "source": "/s", "options": ["rbind", option], "uidMappings": ids, "gidMappings": ids}
    plan = compiled(entry)
    tree = plan.descriptors[mounts_of(plan)[0].slot]
    assert (tree.kind, tree.path, tree.id_mapping) == ("tree", "/s", (ids, ids))
    assert tree.id_mapping_recursive is recursive
    assert mounts_of(plan)[0].kind == mounts.SLOT
    assert mounts_of(plan)[0].options == []


def test_mappings_that_are_empty_are_no_mappings() -> None:
    """Engines send empty arrays for what is not set: this was an error without words."""
    entry = {"destination": "/d", "source": "/s", "options": ["rbind"], "uidMappings": []}
    assert not compiled(entry).descriptors
    assert not compiled(entry | {"gidMappings": []}).descriptors


def test_idmap_without_mappings_uses_those_of_the_container() -> None:
    """ "If they are not specified, the runtime MAY use the container's user namespace mapping" """
    ids = [{"containerID": 0, "hostID": 1000, "size": 10}]
    entry = {"destination": "/d", "source": "/s", "options": ["bind", "idmap"]}
    namespaces = [{"type": "mount"}, {"type": "user"}]
    plan = compiled(entry, namespaces=namespaces, uidMappings=ids, gidMappings=ids)
    assert trees(plan)[0].id_mapping == (ids, ids)


def test_idmap_in_a_joined_user_namespace_uses_that() -> None:
    entry = {"destination": "/d", "source": "/s", "options": ["bind", "idmap"]}
    plan = compiled(entry, namespaces=[{"type": "mount"}, {"type": "user", "path": "/proc/9/ns/user"}])
    assert trees(plan)[0].id_mapping == "/proc/9/ns/user"


def test_idmap_without_any_mapping_is_refused() -> None:
    """ "If there are no `uidMappings` and `gidMappings` specified and the container isn't using user namespaces, an
    error MUST be returned." """
    with pytest.raises(ConfigError, match=r"mounts\[0\]\.options"):
        compiled({"destination": "/d", "source": "/s", "options": ["bind", "idmap"]})


class TestIdMappingsInTheOption:
    """crun's `idmap=uids=FIRST-HOST-SIZE#...;gids=...`"""

    OWN = ({"containerID": 0, "hostID": 5000, "size": 10}, {"containerID": 10, "hostID": 7000, "size": 10})

    def mapped(self, option: str, **entry: object) -> Descriptor:
        namespaces = [{"type": "mount"}, {"type": "user"}]
        mount = {"destination": "/d", "source": "/s", "options": ["rbind", option], **entry}
        return trees(compiled(mount, namespaces=namespaces, uidMappings=self.OWN, gidMappings=self.OWN))[0]

    def test_they_are_those_of_the_mount(self) -> None:
        tree = self.mapped("idmap=uids=0-1-10#10-11-10;gids=0-100-10")
        users = [{"containerID": 0, "hostID": 1, "size": 10}, {"containerID": 10, "hostID": 11, "size": 10}]
        assert tree.id_mapping == (users, [{"containerID": 0, "hostID": 100, "size": 10}])
        assert not tree.id_mapping_recursive

    def test_ridmap_is_of_the_whole_tree(self) -> None:
        assert self.mapped("ridmap=uids=0-1-10;gids=0-1-10").id_mapping_recursive

    def test_after_an_at_sign_they_begin_at_the_container_s(self) -> None:
        tree = self.mapped("idmap=gids=@12-0-3;uids=@1-2-3#9-9-1")
        users = [{"containerID": 1, "hostID": 5002, "size": 3}, {"containerID": 9, "hostID": 9, "size": 1}]
        assert tree.id_mapping == (users, [{"containerID": 12, "hostID": 6990, "size": 3}])

    def test_the_fields_of_the_mount_come_first(self) -> None:
        """config.md: 'the runtime MUST use those values for the mount's mapping'"""
        ids = [{"containerID": 0, "hostID": 1000, "size": 10}]
        tree = self.mapped("idmap=uids=0-1-1;gids=0-1-1", uidMappings=ids, gidMappings=ids)
        assert tree.id_mapping == (ids, ids)

    @pytest.mark.parametrize(
        "mapping, message",
        [
            ("", "must be"),
            ("uids=0-1-1", "must have both"),
            ("uids=0-1-1;uids=0-1-1", "must be"),
            ("uids=0-1-1;gids=", "must be"),
            ("uids=0-1;gids=0-1-1", "must be"),
            ("uids=0--1-1;gids=0-1-1", "must be"),
            ("uids=a-1-1;gids=0-1-1", "must be"),
            ("uids=0-1-1#;gids=0-1-1", "must be"),
            ("uids=0-1-1;gids=@20-1-1", "which has no 20"),
            ("uids=0-1-0;gids=0-1-1", "must be at least 1"),
            ("uids=0-1-9#5-20-1;gids=0-1-1", "must not overlap"),
            ("uids=0-4294967295-1;gids=0-1-1", "must leave room"),
        ],
    )
    def test_what_is_no_mapping_is_an_error(self, mapping: str, message: str) -> None:
        with pytest.raises(ConfigError, match=rf"mounts\[0\]\.options.*{message}"):
            self.mapped(f"idmap={mapping}")

    def test_a_file_system_is_told_it_as_its_own_option(self) -> None:
        """Which it refuses."""
        assert "idmap=uids=0-1-1;gids=0-1-1" in tmpfs("idmap=uids=0-1-1;gids=0-1-1").options


def trees(plan: Plan) -> list[Descriptor]:
    return [descriptor for descriptor in plan.descriptors if descriptor.kind == "tree"]


def test_the_engine_opens_the_sources_of_a_container_in_a_user_namespace() -> None:
    ids = [{"containerID": 0, "hostID": 1000, "size": 10}]
    entry = {"destination": "/d", "source": "/s", "options": ["rbind"]}
    plan = compiled(entry, namespaces=[{"type": "mount"}, {"type": "user"}], uidMappings=ids, gidMappings=ids)
    assert [(tree.path, tree.slave, tree.id_mapping) for tree in trees(plan)] == [("/s", True, None)]


def test_a_shared_bind_is_a_peer_of_its_source() -> None:
    """Init's own mounts are slaves of the host's: the engine clones outside of the container's mount namespace."""
    plan = compiled({"destination": "/d", "source": "/s", "options": ["rbind", "rshared"]})
    assert [(tree.path, tree.slave) for tree in trees(plan)] == [("/s", False)]


@pytest.mark.parametrize(
    "option, flag",
    [
        ("src-nofollow", mounts.F_SOURCE_NOFOLLOW),
        ("copy-symlink", mounts.F_SOURCE_NOFOLLOW),
        ("dest-nofollow", mounts.F_TARGET_NOFOLLOW),
    ],
)
def test_links_are_not_followed_where_an_option_says_so(option: str, flag: int) -> None:
    assert bind(option).flags == flag
    assert bind(option).options == []


def test_a_relative_destination_is_relative_to_the_root() -> None:
    """ "it MAY be a relative path, in which case it MUST be interpreted as relative to "/"" """
    assert tmpfs(destination="data/one").target == "/data/one"
    assert tmpfs(destination="//data").target == "/data"


def test_a_relative_source_is_relative_to_the_bundle() -> None:
    """ "Path values for bind mounts are either absolute or relative to the bundle." """
    entry = {"destination": "/data", "source": "volumes/one", "options": ["bind"]}
    assert mounts_of(compiled(entry))[0].source == "/bundle/volumes/one"


def test_the_source_of_a_file_system_is_passed_as_it_is() -> None:
    entry = {"destination": "/data", "type": "ext4", "source": "relative/device"}
    assert mounts_of(compiled(entry))[0].source == "relative/device"
    assert mounts_of(compiled({"destination": "/data", "type": "tmpfs"}))[0].source == "tmpfs"


def test_unknown_options_go_to_the_file_system() -> None:
    """ "Runtimes SHOULD treat unknown options as filesystem-specific ones" """
    assert tmpfs("size=64m", "mode=1777", "huge=never").options == ["size=64m", "mode=1777", "huge=never"]


def test_an_option_is_split_at_commas_but_not_inside_of_quotes() -> None:
    assert tmpfs('size=64m,context="u:r:t:s0:c1,c2",mode=700').options == [
        "size=64m",
        "context=u:r:t:s0:c1,c2",
        "mode=700",
    ]


def test_a_read_only_file_system_is_read_only_itself_too() -> None:
    mount = tmpfs("ro")
    assert mount.options == ["ro"]
    assert mount.set == RDONLY


def test_a_tmpfs_without_mode_takes_the_mode_of_its_mount_point() -> None:
    assert tmpfs().flags & mounts.F_MODE_OF_TARGET
    assert not tmpfs("mode=755").flags & mounts.F_MODE_OF_TARGET
    assert not tmpfs("size=1m,mode=755").flags & mounts.F_MODE_OF_TARGET


@pytest.mark.parametrize("kind", ["proc", "sysfs"])
def test_proc_and_sys_need_a_real_directory(kind: str) -> None:
    """CVE-2019-19921: a symbolic link in the image would put them where the masks are not."""
    mount = mounts_of(compiled({"destination": f"/{kind}", "type": kind}))[0]
    assert mount.flags & mounts.F_REAL_DIRECTORY
    assert not tmpfs().flags & mounts.F_REAL_DIRECTORY


@pytest.mark.parametrize("kind, labelled", [("tmpfs", True), ("mqueue", True), ("proc", False), ("sysfs", False)])
def test_the_mount_label_is_a_context_of_file_systems(kind: str, labelled: bool) -> None:
    host = Host("web", "/bundle")
    host.selinux = True
    plan = compiled({"destination": "/x", "type": kind}, host=host, mountLabel="system_u:object_r:t:s0:c1,c2")
    assert (mounts_of(plan)[0].options == ["context=system_u:object_r:t:s0:c1,c2"]) is labelled


@pytest.mark.parametrize("kind", ["context", "fscontext", "defcontext", "rootcontext"])
def test_an_annotation_says_which_kind_of_context(kind: str) -> None:
    """run.oci.mount_context_type, for which no test machine has SELinux."""
    host = Host("web", "/bundle")
    host.selinux = True
    label = "system_u:object_r:t:s0:c1,c2"
    annotations = {"run.oci.mount_context_type": kind}
    plan = compiled({"destination": "/x", "type": "tmpfs"}, host=host, mountLabel=label, annotations=annotations)
    assert mounts_of(plan)[0].options == [f"{kind}={label}"]


def test_a_mount_label_without_selinux_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"linux\.mountLabel: cannot be applied"):
        compiled(mountLabel="system_u:object_r:t:s0")


def test_mounts_are_in_the_listed_order() -> None:
    """ "The runtime MUST mount entries in the listed order." """
    entries = [{"destination": f"/{number}", "type": "tmpfs"} for number in (3, 1, 2)]
    assert [mount.target for mount in mounts_of(compiled(*entries))] == ["/3", "/1", "/2"]
    operations = [operation for operation in compiled(*entries).operations if operation.name == "mount"]
    assert [operation.cause for operation in operations] == ["mounts[0]", "mounts[1]", "mounts[2]"]


class TestLongOptions:
    def test_an_option_that_fsconfig_takes_goes_by_fsconfig(self) -> None:
        assert tmpfs("lowerdir=" + "x" * 246).kind == mounts.FILESYSTEM

    def test_a_longer_one_goes_by_mount_2(self) -> None:
        mount = tmpfs("ro", "sync", "lowerdir=" + "x" * 247, "size=1m")
        assert mount.kind == mounts.CLASSIC
        assert mount.data == b"lowerdir=" + b"x" * 247 + b",size=1m"
        assert mount.classic == RDONLY | MS_SYNCHRONOUS

    def test_the_length_is_that_of_the_bytes(self) -> None:
        assert tmpfs("lowerdir=" + "é" * 200).kind == mounts.CLASSIC
        with pytest.raises(ConfigError, match=r"mounts\[0\]\.options: are too long"):
            tmpfs("lowerdir=" + "é" * 2100)

    def test_a_long_source_goes_by_mount_2(self) -> None:
        entry = {"destination": "/x", "type": "nfs", "source": "s" * 256}
        assert mounts_of(compiled(entry))[0].kind == mounts.CLASSIC

    def test_the_longest_that_mount_2_takes(self) -> None:
        assert tmpfs("x" * 4095).kind == mounts.CLASSIC
        with pytest.raises(ConfigError, match=r"mounts\[0\]\.options: are too long.*4095"):
            tmpfs("x" * 4096)

    @pytest.mark.parametrize("option", ["rprivate", "rro", "rrw"])
    def test_what_mount_2_cannot_do_as_well_is_done_after_it(self, option: str) -> None:
        mount, short = tmpfs("x" * 256, option), tmpfs(option)
        assert mount.kind == mounts.CLASSIC
        assert (mount.propagation, mount.r_set, mount.r_clear) == (short.propagation, short.r_set, short.r_clear)

    def test_copying_into_what_mount_2_has_mounted_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"mounts\[0\]\.options: cannot be combined"):
            tmpfs("x" * 256, "tmpcopyup")


class TestSealing:
    @staticmethod
    def seals(plan: Plan) -> list[tuple[object, ...]]:
        return [operation.args for operation in plan.operations if operation.name == "attributes"]

    @pytest.mark.parametrize("destination, options", [("/dev", ["ro"]), ("/etc", ["ro", "tmpcopyup"])])
    def test_a_tmpfs_in_which_things_are_made_is_sealed_later(self, destination: str, options: list[str]) -> None:
        plan = compiled({"destination": destination, "type": "tmpfs", "options": [*options, "nosuid"]})
        mount = mounts_of(plan)[0]
        assert (mount.set, mount.options) == (NOSUID, [])
        assert self.seals(plan) == [(destination, RDONLY)]
        names = [operation.name for operation in plan.operations]
        assert names.index("attributes") > max(at for at, name in enumerate(names) if name in ("device", "symlink"))

    def test_another_tmpfs_is_sealed_at_once(self) -> None:
        plan = compiled({"destination": "/etc", "type": "tmpfs", "options": ["ro"]})
        assert mounts_of(plan)[0].set == RDONLY
        assert self.seals(plan) == []


class TestRefused:
    @pytest.mark.parametrize("kind", ["", "none"])
    def test_a_mount_that_is_no_bind_needs_a_type(self, kind: str) -> None:
        with pytest.raises(ConfigError, match=r"mounts\[0\]\.type: is required"):
            compiled({"destination": "/x", "type": kind, "source": "/y"} if kind else {"destination": "/x"})

    def test_a_bind_needs_a_source(self) -> None:
        with pytest.raises(ConfigError, match=r"mounts\[0\]\.source"):
            compiled({"destination": "/x", "options": ["bind"]})


class TestCgroupMounts:
    V1 = (
        CgroupMount("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/web", ("cpu", "cpuacct"), ("cpu", "cpuacct")),
        CgroupMount("memory", "/sys/fs/cgroup/memory/web", ("memory",)),
        CgroupMount("systemd", "/sys/fs/cgroup/systemd/web", ("none", "name=systemd")),
    )
    V2 = CgroupMount("", "/sys/fs/cgroup/web", ())
    HYBRID = CgroupMount("", "/sys/fs/cgroup/unified/web", ())
    OWN = ({"type": "mount"}, {"type": "cgroup"})
    SHARED = ({"type": "mount"},)

    @staticmethod
    def plan(hierarchies: tuple[CgroupMount, ...], namespaces: tuple[dict[str, str], ...], *options: str) -> Plan:
        host = Host("web", "/bundle")
        host.cgroup_mounts = hierarchies
        entry = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": options}
        return compiled(entry, host=host, namespaces=list(namespaces))

    def test_v2_in_a_cgroup_namespace_is_a_mount_of_its_own(self) -> None:
        (mount,) = mounts_of(self.plan((self.V2,), self.OWN, "ro", "nosuid"))
        assert (mount.kind, mount.file_system, mount.target) == (mounts.FILESYSTEM, "cgroup2", "/sys/fs/cgroup")
        assert mount.set == RDONLY | NOSUID
        assert mount.options == [], "the file system itself is the host's, and stays writable"

    def test_v2_without_a_cgroup_namespace_is_a_bind_of_the_containers_directory(self) -> None:
        (mount,) = mounts_of(self.plan((self.V2,), self.SHARED, "ro"))
        assert (mount.kind, mount.source) == (mounts.BIND, "/sys/fs/cgroup/web")
        assert mount.set == RDONLY

    def test_v1_has_a_mount_for_each_hierarchy_and_links_for_its_further_names(self) -> None:
        plan = self.plan(self.V1, self.OWN, "ro", "nosuid")
        outer, *inner = mounts_of(plan)
        assert (outer.file_system, outer.target, outer.set & RDONLY) == ("tmpfs", "/sys/fs/cgroup", 0)
        assert [(mount.file_system, mount.target, mount.options) for mount in inner] == [
            ("cgroup", "/sys/fs/cgroup/cpu,cpuacct", ["cpu", "cpuacct"]),
            ("cgroup", "/sys/fs/cgroup/memory", ["memory"]),
            ("cgroup", "/sys/fs/cgroup/systemd", ["none", "name=systemd"]),
        ]
        assert all(mount.set == RDONLY | NOSUID for mount in inner)
        links = [operation.args[:3] for operation in plan.operations if operation.cause == "mounts[0]"][2:4]
        assert links == [("/sys/fs/cgroup", "cpu", "cpu,cpuacct"), ("/sys/fs/cgroup", "cpuacct", "cpu,cpuacct")]

    def test_v1_is_sealed_after_all_is_in_it(self) -> None:
        plan = self.plan(self.V1, self.OWN, "ro")
        own = [operation for operation in plan.operations if operation.cause == "mounts[0]"]
        assert (own[-1].name, own[-1].args) == ("attributes", ("/sys/fs/cgroup", RDONLY))
        writable = self.plan(self.V1, self.OWN, "rw")
        assert [operation.name for operation in writable.operations if operation.cause == "mounts[0]"][-1] == "mount"

    def test_v1_without_a_cgroup_namespace_is_binds(self) -> None:
        _, *inner = mounts_of(self.plan(self.V1, self.SHARED))
        assert [mount.source for mount in inner] == [hierarchy.directory for hierarchy in self.V1]
        assert {mount.kind for mount in inner} == {mounts.BIND}

    def test_hybrid_shows_the_hierarchies_of_v1(self) -> None:
        targets = [mount.target for mount in mounts_of(self.plan((*self.V1, self.HYBRID), self.SHARED))]
        assert targets == [mount.target for mount in mounts_of(self.plan(self.V1, self.SHARED))]

    def test_in_a_user_namespace_the_engine_clones_what_is_bound(self) -> None:
        host = Host("web", "/bundle")
        host.cgroup_mounts = (self.V2,)
        ids = [{"containerID": 0, "hostID": 1000, "size": 10}]
        entry = {"destination": "/sys/fs/cgroup", "type": "cgroup"}
        namespaces = [{"type": "mount"}, {"type": "user"}]
        plan = compiled(entry, host=host, namespaces=namespaces, uidMappings=ids, gidMappings=ids)
        assert [(tree.path, tree.slave) for tree in trees(plan)] == [("/sys/fs/cgroup/web", True)]
        assert mounts_of(plan)[0].kind == mounts.SLOT

    def test_options_of_other_file_systems_are_not_passed_on(self) -> None:
        (mount,) = mounts_of(self.plan((self.V2,), self.OWN, "nosuid", "mode=755"))
        assert mount.options == []
