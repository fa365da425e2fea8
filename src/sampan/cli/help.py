"""Prints what the tables say: the help of the command and of each verb. Decides nothing, and is not on the hot path."""

from __future__ import annotations

from sampan.cli.verbs import GLOBAL, Verb, all_verbs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Table


def of_command() -> str:
    """The help of the whole command: its verbs and the global options."""
    summaries = [(verb.name, verb.summary) for verb in all_verbs()]
    return (
        "sampan runs containers as the OCI Runtime Specification describes them.\n\n"
        "Usage: sampan [GLOBAL OPTIONS] COMMAND [OPTIONS] ...\n\n"
        f"Commands:\n{_columns(summaries)}\n"
        f"Global options, before the command:\n{_columns(_rows(GLOBAL))}\n"
        "sampan COMMAND --help tells more of one command.\n"
    )


def of_verb(name: str) -> str:
    """The help of one verb: what it does, its operands and options."""
    verb = Verb(name)
    more = f"\n{verb.details}\n" if verb.details else ""
    return f"sampan {name}: {verb.summary}.\n\nUsage: {verb.usage}\n{more}\nOptions:\n{_columns(_rows(verb.options))}"


def written(name: str, short: str, placeholder: str) -> str:
    """An option as the help writes it: "--bundle, -b DIR"."""
    names = f"--{name}, -{short}" if short else f"--{name}"
    return f"{names} {placeholder}".rstrip()


def _rows(table: Table) -> list[tuple[str, str]]:
    return [(written(name, short, placeholder), text) for name, short, placeholder, text in table]


def _columns(rows: list[tuple[str, str]]) -> str:
    width = max(len(left) for left, _ in rows)
    return "".join(f"  {left:<{width}}  {right}\n" for left, right in rows)
