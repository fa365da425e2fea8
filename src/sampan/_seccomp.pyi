"""libseccomp: rules to a BPF program. Numbers in, bytes out."""

_Comparison = tuple[int, int, int, int]  # index of the argument, operator, first and second operand
_Rule = tuple[str, int, int, tuple[_Comparison, ...]]  # field, system call, action, comparisons (all must hold)

def version() -> tuple[int, int, int]: ...
def library() -> str:
    """The file that libseccomp was loaded from; "" if that is not known."""

def native_architecture() -> int: ...
def architecture(name: str) -> int:
    """The token of an architecture in libseccomp's spelling ("x86_64"); 0 where libseccomp does not know it."""

def syscall(architecture: int, name: str) -> int:
    """The number of a system call; -1 where libseccomp does not know it, lower for one of another architecture."""

def build(default_action: int, architectures: list[tuple[str, int]], rules: list[_Rule], tree: bool) -> bytes:
    """The program: an array of struct sock_filter. OSError's filename is the field that libseccomp refused."""
