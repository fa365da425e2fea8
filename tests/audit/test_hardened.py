"""`sampan spec --profile hardened`: ordinary programs run in it, and the audit finds nothing above low.

The programs are the host's own, by `--rootfs host`. Each is told to do what it is there for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.audit.allowed_calls import allow_list
from sampan.audit.report import judge
from sampan.audit.rule import Severity
from sampan.audit.subject import Machine, Subject
from sampan.cli.main import main
from sampan.profiles.hardened import USER, hardened_config, range_of_ids, single_id
from sampan.spec.config import load
from sampan.spec.names import NAMESPACES

SAMPAN = shutil.which("sampan", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
TIMEOUT = 120  # seconds

real = [
    pytest.mark.skipif(SAMPAN is None, reason="sampan is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the profile of root needs root"),
]

PYTHON = """
import multiprocessing, os, sqlite3, ssl, subprocess, tempfile, threading
from multiprocessing.dummy import Pool
with tempfile.TemporaryDirectory() as directory:
    base = sqlite3.connect(directory + "/db")
    base.execute("create table t (x)")
    base.executemany("insert into t values (?)", [(n,) for n in Pool(8).map(abs, range(-50, 0))])
    base.commit()
    print(base.execute("select sum(x) from t").fetchone()[0])
print(subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip())
queue = multiprocessing.get_context("fork").Queue()  # a semaphore in /dev/shm
child = multiprocessing.get_context("fork").Process(target=queue.put, args=("from a child",))
child.start()
print(queue.get())
child.join()
ssl.create_default_context()
"""

NODE = """
const { Worker } = require("worker_threads"), { execFileSync } = require("child_process"), http = require("http");
const show = (server) => (data) => { console.log(`${data}`); server.close(); };
console.log(execFileSync("id", ["-un"]).toString().trim());
new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true }).on("message", () => {
  const server = http.createServer((_, answer) => answer.end("from node")).listen(80, "127.0.0.1", () =>
    http.get("http://127.0.0.1/", (answer) => answer.on("data", show(server))));
});
"""

NGINX = r"""
set -e
mkdir /tmp/www
echo "from nginx" >/tmp/www/index.html
cat >/tmp/nginx.conf <<END
pid /run/nginx.pid;
error_log stderr error;
worker_processes 2;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
    server { listen 127.0.0.1:80; root /tmp/www; sendfile on; aio threads; }
}
END
nginx -e stderr -c /tmp/nginx.conf
/usr/bin/python3 -c 'import urllib.request as web; print(web.urlopen("http://127.0.0.1/").read().decode().strip())'
nginx -e stderr -c /tmp/nginx.conf -s quit
"""

POSTGRES = r"""
set -e
PATH=$(echo /usr/lib/postgresql/*/bin | cut -d' ' -f1):$PATH
initdb --no-sync -D /tmp/data >/tmp/log 2>&1 || cat /tmp/log
pg_ctl -D /tmp/data -o "-k /tmp" -l /tmp/log -w start >/dev/null || cat /tmp/log
psql -h /tmp -d postgres -Atc "create table t as select generate_series(1, 100) x; select sum(x) from t"
psql -h 127.0.0.1 -d postgres -Atc "select count(*) from pg_class"
pg_ctl -D /tmp/data -w stop >/dev/null
"""


class Hardened:
    """The host's programs in the hardened profile."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.id = f"hardened-{uuid.uuid4().hex[:8]}"

    def bundle(self, *args: str) -> Path:
        bundle = self.directory / "bundle"
        assert main(["spec", "--profile", "hardened", "--rootfs", "host", str(bundle), "--", *args]) == 0
        return bundle

    def sampan(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert SAMPAN is not None
        command = [SAMPAN, "--root", str(self.directory / "state"), *words]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )

    def run(self, *args: str) -> str:
        """What the program prints."""
        done = self.sampan("run", "--bundle", str(self.bundle(*args)), self.id)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


@pytest.fixture
def hardened() -> Iterator[Hardened]:
    """Where the container's root may go, who is nobody on the host."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        found = Hardened(directory)
        yield found
        if SAMPAN is not None:
            found.sampan("delete", "--force", found.id)


def needs(program: str) -> pytest.MarkDecorator:
    """Of the host's /usr: a program elsewhere would not be in the container."""
    missing = not any(Path("/").glob(f"usr/{program}"))
    return pytest.mark.skipif(missing, reason=f"/usr/{program} is not installed")


class TestPrograms:
    pytestmark = real

    @needs("bin/python3")
    def test_python(self, hardened: Hardened) -> None:
        assert hardened.run("/usr/bin/python3", "-c", PYTHON).split("\n")[:3] == ["1275", "sampan", "from a child"]

    @needs("bin/node")
    def test_node(self, hardened: Hardened) -> None:
        assert hardened.run("/usr/bin/node", "-e", NODE) == "sampan\nfrom node\n"

    @needs("bin/python3")
    @needs("sbin/nginx")
    def test_nginx_serves_a_file(self, hardened: Hardened) -> None:
        assert hardened.run("sh", "-c", NGINX) == "from nginx\n"

    @needs("lib/postgresql/*/bin/initdb")
    def test_postgres_answers_queries(self, hardened: Hardened) -> None:
        assert "5050" in hardened.run("sh", "-c", POSTGRES).split()


class TestWalls:
    pytestmark = real

    def test_the_kernel_says_what_the_profile_promises(self, hardened: Hardened) -> None:
        status = dict(line.split(":\t", 1) for line in hardened.run("cat", "/proc/self/status").splitlines())
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name], 16) == 0
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert status["Uid"].split() == [str(USER)] * 4

    def test_no_namespace_is_the_hosts(self, hardened: Hardened) -> None:
        names = {"mount": "mnt", "network": "net"}
        kinds = [names.get(kind, kind) for kind in NAMESPACES if Path("/proc/self/ns", names.get(kind, kind)).exists()]
        shown = hardened.run("sh", "-c", f"cd /proc/self/ns; for name in {' '.join(kinds)}; do readlink $name; done")
        for kind, link in zip(kinds, shown.split(), strict=True):
            assert link != os.readlink(f"/proc/self/ns/{kind}")

    def test_new_user_namespaces_are_refused(self, hardened: Hardened) -> None:
        assert "status 1" in hardened.run("sh", "-c", "unshare -U true 2>/dev/null; echo status $?")

    def test_only_temporary_places_can_be_written(self, hardened: Hardened) -> None:
        places = "/ /usr /etc /proc/sys/kernel /sys /sys/fs/cgroup /dev/shm /run /tmp"
        script = f"for place in {places}; do [ -w $place ] && touch $place/file && echo $place; done; true"
        assert hardened.run("sh", "-c", script).split() == ["/dev/shm", "/run", "/tmp"]

    def test_no_program_can_be_run_from_there(self, hardened: Hardened) -> None:
        script = "for p in /dev/shm /run /tmp; do cp /bin/true $p/p; $p/p 2>/dev/null && echo $p; done; true"
        assert hardened.run("sh", "-c", script) == ""


class TestDocument:
    @pytest.mark.parametrize("options", [[], ["--rootfs", "host"]])
    def test_the_audit_finds_nothing_above_low(
        self, options: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        words = [*options, str(tmp_path / "b")] if options else ["--bundle", str(tmp_path)]
        bundle = tmp_path / "b" if options else tmp_path
        assert main(["spec", "--profile", "hardened", *words]) == 0
        assert main(["audit", "--format=json", str(bundle)]) == 0
        severe = [
            found["rule"]
            for found in json.loads(capfd.readouterr().out)["findings"]
            if found["severity"] not in ("low", "info")
        ]
        limits = json.loads((bundle / "config.json").read_text())["linux"]["resources"]
        # where this host gives this user no such controller, the report has to say so
        expected = {"memory": "memory-unlimited", "pids": "pids-unlimited"}
        assert severe == [rule for name, rule in expected.items() if name not in limits]

    def test_where_all_controllers_are_there_nothing_is_left_to_say(self) -> None:
        ids = range_of_ids(0)
        config: Any = hardened_config(ids, ids, ("cpu", "memory", "pids"))
        report = judge(Subject(config, "/b", Machine()), json.dumps(config))
        assert {finding.severity for finding in report.findings} <= {Severity.INFO, Severity.LOW}

    def test_who_cannot_reach_the_root_is_told(self, hardened: Hardened) -> None:
        if os.geteuid() != 0 or SAMPAN is None:
            pytest.skip("the profile of root needs root, and sampan to be installed")
        bundle = hardened.bundle("true")
        bundle.chmod(0o700)
        done = hardened.sampan("run", "--bundle", str(bundle), hardened.id)
        assert done.returncode == 1
        assert "permission denied (every directory above it must let through" in done.stderr

    def test_it_is_not_written_with_an_unknown_profile(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["spec", "--profile", "soft"]) == 1
        assert "--profile must be default or hardened" in capfd.readouterr().err

    def test_two_bundles_of_root_have_other_ids(self, tmp_path: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("a user who is not root has one id alone")
        first = set()
        for name in ("a", "b", "c", "d"):
            (tmp_path / name).mkdir()
            assert main(["spec", "--profile", "hardened", "--bundle", str(tmp_path / name)]) == 0
            first.add(json.loads((tmp_path / name / "config.json").read_text())["linux"]["uidMappings"][0]["hostID"])
        assert len(first) > 1

    @pytest.mark.parametrize("ids", [range_of_ids(3999), single_id(1000)])
    def test_it_is_valid(self, ids: Any) -> None:
        load(json.dumps(hardened_config(ids, ids, ("memory",), time_namespace=True)).encode())

    def test_ranges_stay_below_what_the_kernel_and_systemd_keep(self) -> None:
        """The last ids are 4294967295, which is none, and from 2147352576 on what systemd calls foreign."""
        last = range_of_ids(3999)
        assert last["hostID"] + last["size"] <= 2147352576

    def test_the_list_of_system_calls_names_each_once(self) -> None:
        names = [name for entry in allow_list()["syscalls"] if not entry.get("args") for name in entry["names"]]
        assert len(names) == len(set(names))

    def test_libseccomp_knows_every_call_of_the_list(self) -> None:
        from sampan.linux.seccomp import compile_filter

        found = compile_filter(allow_list(), cache_directory=None)
        assert found.program
        assert found.warnings == []
