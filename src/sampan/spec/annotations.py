"""What the annotations of names.CRUN_ANNOTATIONS may say. Imported only where one of them is there.

They are crun's conventions, and keep crun's meaning; docs/crun.md tells it. Of any other, config.md says that runtimes
"MUST NOT generate an error if they encounter an unknown annotation key".
"""

from __future__ import annotations

from sampan.errors import Problem
from sampan.spec import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTEXT_TYPES = ("context", "fscontext", "defcontext", "rootcontext")
_INSTRUCTION = 8  # bytes of a struct sock_filter
_LARGEST_PROGRAM = 4096  # instructions: BPF_MAXINSNS


def problems(annotations: Mapping[str, str]) -> Iterator[Problem]:
    """What cannot be done as it says."""
    for name, rule_of in _RULES.items():
        if name in annotations and (rule := rule_of(annotations[name])):
            yield Problem(f"annotations[{name}]", annotations[name], rule, "")


def below_rule(path: str) -> str:
    """What is wrong with the path of a cgroup below another one; "" where nothing is, and where there is none."""
    elements = path.strip("/").split("/")
    if path.strip("/") and ("\0" in path or not all(elements) or {".", ".."}.intersection(elements)):
        return "must name a cgroup below that of the container, without '.' and '..'"
    return ""


def bpf_program(text: str) -> bytes:
    """The instructions of run.oci.seccomp_bpf_data. Raises ValueError with what is wrong with it."""
    from binascii import a2b_base64

    try:
        program = a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise ValueError(f"must be a filter in base64: {error}") from None
    if not program or len(program) % _INSTRUCTION or len(program) > _INSTRUCTION * _LARGEST_PROGRAM:
        rule = f"must be 1 to {_LARGEST_PROGRAM} instructions of {_INSTRUCTION} bytes"
        raise ValueError(f"{rule}, in base64 (these are {len(program)} bytes)")
    return program


def _bpf_rule(text: str) -> str:
    try:
        bpf_program(text)
    except ValueError as error:
        return str(error)
    return ""


def _context_rule(text: str) -> str:
    return "" if text in CONTEXT_TYPES else f"must be one of {', '.join(CONTEXT_TYPES)}"


def _handler_rule(text: str) -> str:
    """A container that should be a virtual machine, or a module of WebAssembly, must not become a process."""
    if not text:
        return ""
    return "asks for a handler that this runtime does not have: it has none, and runs programs of this machine only"


_RULES = {
    names.SECCOMP_BPF_DATA: _bpf_rule,
    names.MOUNT_CONTEXT_TYPE: _context_rule,
    names.SYSTEMD_SUBGROUP: below_rule,
    names.DELEGATE_CGROUP: below_rule,
    names.HANDLER: _handler_rule,
}
