"""The plan of a bundle on this machine, without making anything: for `sampan plan` and `sampan audit`."""

from __future__ import annotations

from sampan.cgroups.layout import detect
from sampan.engine.facts import compile_seccomp, find_out
from sampan.engine.share import locate_cgroup
from sampan.plan.compile import compile_plan
from sampan.plan.host import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.operations import Plan
    from sampan.spec.types import Config

_IDENTIFIER = "ID"  # stands in paths for the id that the container would have


def plan_of(config: Config, bundle: str, cgroup_manager: str) -> Plan:
    """The plan of a bundle, an absolute path. Raises SampanError for what cannot be done on this machine."""
    host = Host(_IDENTIFIER, bundle)
    host.wait_for_start = True
    find_out(config, host, locate_cgroup(config, _IDENTIFIER, detect(), cgroup_manager))
    compile_seccomp(config, host, None)
    return compile_plan(config, host)
