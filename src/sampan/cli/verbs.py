"""The whole command line as one table, made of those of the verbs. What is printed about it is made of this.

--help, the completion of shells, the manual pages and docs/command-line.md. Imports every verb, so no verb imports it
but to print such a text. Decides nothing.
"""

from __future__ import annotations

from sampan.cli.main import VERBS
from sampan.cli.options import HELP
from sampan.cli.settings import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Table

GLOBAL: Table = (*OPTIONS, HELP)

# What the words of a command line stand for, where shells can offer something.
ID, SIGNAL, FILE, DIRECTORY, NOTHING = "id", "signal", "file", "directory", ""
_MEANINGS = {
    "ID": ID,
    "SIGNAL": SIGNAL,
    "FILE": FILE,
    "SOCKET": FILE,
    "DIR": DIRECTORY,
    "BUNDLE": DIRECTORY,
}


class Verb:
    """One verb, as its module describes it."""

    __slots__ = ("details", "name", "operands", "options", "stops", "summary")

    def __init__(self, name: str) -> None:
        module = __import__(f"sampan.cli.{name}", fromlist=("run",))
        self.name = name
        self.summary: str = module.SUMMARY
        self.operands: tuple[str, ...] = module.OPERANDS
        self.options: Table = (*module.OPTIONS, HELP)
        self.details: str = getattr(module, "DETAILS", "").strip()
        self.stops: bool = getattr(module, "STOP_AT_OPERAND", False)  # are there no options after the first operand?

    @property
    def usage(self) -> str:
        """How it is called: "sampan kill [OPTIONS] ID [SIGNAL]"."""
        return " ".join(("sampan", self.name, "[OPTIONS]", *self.operands))

    @property
    def makes(self) -> bool:
        """Whether its ID is that of a container which is not there yet: it makes one of a bundle."""
        return self.operands[:1] == ("ID",) and any(name == "bundle" for name, *_ in self.options)


def all_verbs() -> list[Verb]:
    """In the order of the help."""
    return [Verb(name) for name in VERBS]


def meaning(placeholder: str) -> str:
    """What stands where a table says ``placeholder``: one of the above, or the words to choose from, "text|json"."""
    if placeholder.islower():
        return placeholder
    return _MEANINGS.get(placeholder.strip("[]."), NOTHING)


def operand_meanings(verb: Verb) -> tuple[list[str], str]:
    """What the operands of a verb stand for, and all those after them."""
    found = [NOTHING if verb.makes and operand == "ID" else meaning(operand) for operand in verb.operands]
    return (found[:-1], found[-1]) if verb.operands and verb.operands[-1].endswith("...]") else (found, NOTHING)
