"""Prints what the tables say: the help of the command and of each verb. Decides nothing, and is not on the hot path."""

from __future__ import annotations

from sampan.cli.options import HELP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from sampan.cli.options import Table


def of_command(verbs: tuple[str, ...], table: Table) -> str:
    """The help of the whole command: its verbs and the global options."""
    summaries = [(verb, str(_module(verb).SUMMARY)) for verb in verbs]
    return (
        "sampan runs containers as the OCI Runtime Specification describes them.\n\n"
        "Usage: sampan [GLOBAL OPTIONS] COMMAND [OPTIONS] ...\n\n"
        f"Commands:\n{_columns(summaries)}\n"
        f"Global options, before the command:\n{_columns(_rows(table))}\n"
        "sampan COMMAND --help tells more of one command.\n"
    )


def of_verb(verb: str) -> str:
    """The help of one verb: what it does, its operands and options."""
    module = _module(verb)
    usage = " ".join((f"Usage: sampan {verb} [OPTIONS]", *module.OPERANDS))
    details = str(getattr(module, "DETAILS", "")).strip()
    more = f"\n{details}\n" if details else ""
    return f"sampan {verb}: {module.SUMMARY}.\n\n{usage}\n{more}\nOptions:\n{_columns(_rows(module.OPTIONS))}"


def _module(verb: str) -> ModuleType:
    return __import__(f"sampan.cli.{verb}", fromlist=("run",))


def _rows(table: Table) -> list[tuple[str, str]]:
    rows = []
    for name, short, placeholder, text in (*table, HELP):
        names = f"--{name}, -{short}" if short else f"--{name}"
        rows.append((f"{names} {placeholder}".rstrip(), text))
    return rows


def _columns(rows: list[tuple[str, str]]) -> str:
    width = max(len(left) for left, _ in rows)
    return "".join(f"  {left:<{width}}  {right}\n" for left, right in rows)
