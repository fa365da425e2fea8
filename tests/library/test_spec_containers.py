"""What is asked of a `sampan.Spec` is what its container has."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import stat
from pathlib import Path

import pytest

import sampan
from sampan import Spec, aio

from .conftest import Place

MIB = 1024**2


def spec_of(place: Place, script: str) -> Spec:
    """The default, with the root of busybox."""
    return (
        Spec.default(rootless=False)
        .with_rootfs(place.bundle / "rootfs", readonly=True)
        .with_args(["sh", "-c", script])
        .with_env({"PATH": "/bin"})
    )


def lines(place: Place, spec: Spec) -> list[str]:
    done = sampan.run(place.id(), root=place.root, config=spec, capture=True, text=True, timeout=60)
    assert (done.status, done.stderr) == (sampan.ExitStatus(code=0), "")
    assert done.stdout is not None
    return done.stdout.splitlines()


def status_of(name: str) -> str:
    """A command that prints a field of /proc/self/status."""
    return f"while read -r name value; do [ $name = {name}: ] && echo $value; done </proc/self/status; true"


def test_the_process(place: Place) -> None:
    script = f"""
        id -u; id -g; umask; pwd; echo "$A,$TERM"; ulimit -n; ulimit -c; cat /proc/self/oom_score_adj
        busybox hostname; cat /proc/sys/kernel/domainname; {status_of("Groups")}; {status_of("CapEff")}
        {status_of("NoNewPrivs")}
    """
    spec = (
        spec_of(place, script)
        .with_user(1000, 1001, groups=[1002], umask=0o27)
        .with_cwd("/tmp")
        .with_env({"A": "b c", "TERM": None})
        .with_rlimit("nofile", 100, 200)
        .with_rlimit("core", 0)
        .with_oom_score_adj(900)
        .with_hostname("boat")
        .with_domainname("harbour")
        .with_capabilities("NET_BIND_SERVICE", "KILL")
        .with_no_new_privileges()
    )
    assert lines(place, spec) == [
        "1000",
        "1001",
        "0027",
        "/tmp",
        "b c,",
        "100",
        "0",
        "900",
        "boat",
        "harbour",
        "1002",
        f"{1 << 10 | 1 << 5:016x}",
        "1",
    ]
    assert lines(place, spec_of(place, status_of("CapBnd")).drop_all_capabilities()) == ["0" * 16]


def test_files(place: Place, tmp_path: Path) -> None:
    """A bind is read-only unless it is said; tmpfs has a size, and no programs; masks hide."""
    for name in ("shown", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(f"{name}\n")
    script = """
        cat /tmp/shown/file; echo x 2>/dev/null >/tmp/shown/file || echo "cannot write"
        cat /tmp/own/file; echo x >/tmp/own/file && echo written
        busybox df -k /tmp | busybox tail -n 1
        busybox cp /bin/busybox /tmp/true; /tmp/true 2>/dev/null || echo "cannot run"
        cat /proc/version | wc -c; busybox stat -c '%t,%T %a %u' /dev/gate; echo x >/dev/gate && echo "can use"
        echo x 2>/dev/null >/dev/other || echo "not allowed"
    """
    spec = (
        spec_of(place, script)
        .tmpfs("/tmp", size="4M")
        .bind(tmp_path / "shown", "/tmp/shown")
        .bind(tmp_path / "own", "/tmp/own", writable=True)
        .mask("/proc/version")
        .device("/dev/gate", "c", 1, 3, mode=0o622, uid=7)
        .device("/dev/other", "c", 1, 7, mode=0o666)
        .allow_device("c", 1, 7, allow=False)
    )
    found = lines(place, spec)
    assert found[4].split()[1] == "4096"
    assert found[:4] == ["shown", "cannot write", "own", "written"]
    assert found[5:] == ["cannot run", "0", "1,3 622 7", "can use", "not allowed"]
    assert (tmp_path / "own/file").read_text() == "x\n"
    assert (tmp_path / "shown/file").read_text() == "shown\n"


def test_limits(place: Place) -> None:
    spec = spec_of(place, "read line").limit(memory="64M", pids=30, cpus=0.25)
    with sampan.create(place.id(), root=place.root, config=spec, stdin=sampan.PIPE) as container:
        statistics = container.stats()
    assert statistics.pids is not None
    assert statistics.memory is not None
    assert statistics.cpu is not None
    assert (statistics.pids.limit, statistics.memory.limit, statistics.cpu.limit) == (30, 64 * MIB, 0.25)


def test_what_only_root_of_a_user_namespace_is(place: Place, tmp_path: Path) -> None:
    """Mapped ids, and a volume whose owners are as on the host: config.md, "idmap"."""
    (tmp_path / "file").write_text("")
    os.chown(tmp_path / "file", 5, 6)
    script = """
        cat /proc/self/uid_map; busybox stat -c '%u %g' /tmp/file; busybox mkdir /tmp/made; readlink /proc/self/ns/net
        cut -d. -f1 /proc/uptime
    """
    spec = (
        spec_of(place, script.replace("readlink", "busybox readlink").replace("cut", "busybox cut"))
        .with_user_mappings([(0, 0x70000000, 65536)])
        .bind(tmp_path, "/tmp", writable=True, idmap=True)
        .without_mounts("/dev/mqueue")
        .with_time_offsets(boottime=1_000_000_000)
    )
    found = lines(place, spec)
    assert found[0].split() == ["0", str(0x70000000), "65536"]
    assert found[1] == "5 6"
    assert (tmp_path / "made").stat().st_uid == 0
    assert found[2] != os.readlink("/proc/self/ns/net")
    assert int(found[3]) >= 1_000_000_000


def test_namespaces_of_others(place: Place) -> None:
    waiting = spec_of(place, "read line").with_hostname("elder")
    with sampan.create(place.id(), root=place.root, config=waiting, stdin=sampan.PIPE) as elder:
        elder.start()
        script = "busybox hostname; busybox readlink /proc/self/ns/net"
        spec = (
            spec_of(place, script)
            .join_namespace("uts", f"/proc/{elder.pid}/ns/uts")
            .host_namespaces("network")
            .merge({"hostname": None})
            .bind("/sys", "/sys")  # only the owner of a network namespace can mount its sysfs
        )
        assert lines(place, spec) == ["elder", os.readlink("/proc/self/ns/net")]


def test_system_calls(place: Place) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EOPNOTSUPP}],
    }
    script = "busybox mkdir /tmp/a 2>&1 || echo no; busybox mkdir /dev/shm/a 2>&1 || echo no"
    refused = lines(place, spec_of(place, script).tmpfs("/tmp").with_seccomp(profile))
    assert [line.rpartition(": ")[2] for line in refused] == [os.strerror(errno.EOPNOTSUPP), "no"] * 2
    assert lines(place, spec_of(place, script).tmpfs("/tmp").with_seccomp(profile).without_seccomp()) == []
    assert lines(place, spec_of(place, status_of("Seccomp")).with_default_seccomp()) == ["2"]


def test_hooks_and_annotations_and_the_bundle_that_is_none(place: Place, tmp_path: Path) -> None:
    """Without a bundle the directory of its state is one: with config.json, and gone with the container."""
    told = tmp_path / "told"
    hook = ["sh", "-c", f'cat >>{told}; echo "$WORD" >>{told}']
    spec = (
        spec_of(place, "true")
        .hook("createRuntime", "/bin/sh", hook, env={"WORD": "made", "PATH": os.defpath}, timeout=30)
        .hook("poststop", "/bin/sh", hook, env={"WORD": "gone", "PATH": os.defpath}, timeout=30)
        .with_annotations({"org.example.a": "b"})
    )
    with sampan.create(place.id(), root=place.root, config=spec) as container:
        assert container.bundle == f"{place.root}/{container.id}" == container.state().bundle
        assert Spec.load(container.bundle) == spec
        assert container.state().annotations == {"org.example.a": "b"}
        assert stat.S_IMODE(os.stat(container.bundle).st_mode) == 0o700
        container.start()
        assert container.wait(timeout=60).success
    assert not Path(container.bundle).exists()
    states, words = zip(*(line.rsplit("}", 1) for line in told.read_text().splitlines()), strict=True)
    assert words == ("made", "gone")
    assert [json.loads(state + "}")["bundle"] for state in states] == [container.bundle] * 2


def test_a_dict_needs_no_bundle_either_and_a_relative_path_does(place: Place) -> None:
    spec = spec_of(place, "echo here")
    done = sampan.run(place.id(), root=place.root, config=spec.to_dict(), capture=True, text=True)
    assert done.stdout == "here\n"
    relative = spec.with_rootfs("rootfs")
    done = sampan.run(place.id(), root=place.root, bundle=place.bundle, config=relative, capture=True, text=True)
    assert done.stdout == "here\n"
    with pytest.raises(sampan.UsageError, match=r"root\.path is no absolute path"):
        sampan.run(place.id(), root=place.root, config=relative)
    with pytest.raises(sampan.UsageError, match=r"mounts\[0\]\.source is no absolute path"):
        sampan.create(
            place.id(),
            root=place.root,
            config={"root": {"path": "/"}, "mounts": [{"options": ["bind"], "source": "a"}]},
        )
    for config in (None, place.bundle / "config.json"):
        with pytest.raises(sampan.UsageError, match="bundle is needed"):
            sampan.create(place.id(), root=place.root, config=config)


def test_one_that_is_not_valid_makes_nothing(place: Place) -> None:
    with pytest.raises(sampan.ConfigError) as caught:
        sampan.run(place.id(), root=place.root, config=spec_of(place, "true").host_namespaces("uts"))
    assert caught.value.field == "hostname"


def test_in_a_loop(place: Place) -> None:
    async def outputs() -> list[str | None]:
        spec = spec_of(place, 'read line; echo "$line"')
        done = [
            aio.run(place.id(), root=place.root, config=spec, input=f"{number}\n", capture=True, text=True)
            for number in range(3)
        ]
        async with await aio.create(place.id(), root=place.root, config=spec, stdin=sampan.DEVNULL) as container:
            await container.start()
            assert await container.wait(timeout=60) is not None
        return [each.stdout for each in await asyncio.gather(*done)]

    assert asyncio.run(outputs()) == ["0\n", "1\n", "2\n"]


def test_the_hosts_programs_in_the_hardened_profile(place: Place) -> None:
    """Its root is nobody on the host: all directories above the container's root let it through."""
    rootfs = place.bundle / "host"
    spec = Spec.hardened().with_host_rootfs(rootfs).with_args(["sh", "-c", "id -un; touch /x 2>&1 || echo $HOME"])
    name, refused, home = lines(place, spec)
    assert (name, refused.rpartition(": ")[2], home) == ("sampan", "Read-only file system", "/tmp")
    assert not (rootfs / "x").exists()
    shutil.rmtree(rootfs)
