"""Reads a command line by a table, which prints the verb's --help, too. Hot path: imports nothing.

It knows how options are written (`--name value`, `--name=value`, `-n value`, and `-name` as Go's flag package takes
it), not what any of them means.
"""

from __future__ import annotations

from sampan.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    # Name, short name or "", what its value is called or "" for a flag, and what it does.
    Option = tuple[str, str, str, str]
    Table = tuple[Option, ...]

HELP = ("help", "h", "", "show this help")

_ID_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-."
TRUE = ("1", "t", "T", "true", "TRUE", "True")  # as Go's strconv.ParseBool
FALSE = ("0", "f", "F", "false", "FALSE", "False")


class Arguments:
    """What one command line said: its options by name, and its operands in order."""

    __slots__ = ("command", "operands", "options", "repeated")

    def __init__(self, command: str) -> None:
        self.command = command  # "sampan kill": how messages begin
        self.options: dict[str, str] = {}
        self.repeated: list[tuple[str, str]] = []  # every option as it was given: some may come more than once
        self.operands: list[str] = []

    def flag(self, name: str) -> bool:
        """Whether the flag was given (and not as ``--name=false``)."""
        return self.options.get(name) == "true"

    def text(self, name: str, default: str = "") -> str:
        """The option's value."""
        return self.options.get(name, default)

    def texts(self, name: str) -> list[str]:
        """All values of an option that may be given more than once."""
        return [value for given, value in self.repeated if given == name]

    def number(self, name: str, default: int = 0) -> int:
        """The option's value, a whole number of at least 0."""
        value = self.options.get(name)
        if value is None:
            return default
        number = whole_number(value)
        if number is None:
            raise self.misuse(f'--{name} must be a whole number, not "{value}"')
        return number

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """The option's value, one of ``choices``; the first of them where it was not given."""
        value = self.options.get(name, choices[0])
        if value not in choices:
            raise self.misuse(f'--{name} must be {" or ".join(choices)}, not "{value}"')
        return value

    def container_id(self) -> str:
        """The first operand, which must be good as a container's id: it becomes the name of a directory."""
        name = self.operands[0]
        if not name or name.strip(_ID_LETTERS) or name in (".", ".."):
            raise self.misuse(f'"{name}" cannot be a container\'s id: use letters, digits and "_", "+", "-", "."')
        return name

    def require(self, operands: tuple[str, ...]) -> None:
        """Check the number of operands: "ID" is needed, "[SIGNAL]" may be left out, "[ARG...]" takes all the rest."""
        given = len(self.operands)
        for index, operand in enumerate(operands):
            if operand.endswith("...]"):
                return
            if index >= given and operand[0] != "[":
                raise self.misuse(f"{operand} is missing")
        if given > len(operands):
            raise self.misuse(f'unexpected argument "{self.operands[len(operands)]}"')

    def misuse(self, message: str) -> UsageError:
        """The error that says what is wrong with this command line, and where to read what is right."""
        return UsageError(f'{message}; see "{self.command} --help"')


def parse(command: str, table: Table, words: Sequence[str], *, stop_at_operand: bool = False) -> Arguments:
    """Sort ``words`` into options and operands. Options may follow operands, until a ``--``, as in runc.

    With ``stop_at_operand`` the first operand and all after it are operands: the global options end at the verb.
    """
    arguments = Arguments(command)
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            arguments.operands += words[index:]
            break
        if len(word) < 2 or word[0] != "-":
            if stop_at_operand:
                arguments.operands += words[index - 1 :]
                break
            arguments.operands.append(word)
            continue
        name, equals, value = word[2 if word[1] == "-" else 1 :].partition("=")
        long_name, _, placeholder, _ = _find(arguments, table, word, name)
        if placeholder and not equals:
            if index == len(words):
                raise arguments.misuse(f"{word} needs a value: {placeholder}")
            value = words[index]
            index += 1
        elif not placeholder:
            value = _truth(arguments, word, value) if equals else "true"
        arguments.options[long_name] = value
        arguments.repeated.append((long_name, value))
    return arguments


def _find(arguments: Arguments, table: Table, word: str, name: str) -> Option:
    for option in table:
        if name == option[0] or (name and name == option[1]):
            return option
    if name in ("help", "h"):
        return HELP
    raise arguments.misuse(f'unknown option "{word.partition("=")[0]}"')


def whole_number(text: str) -> int | None:
    """The number; None for what is none, and for one of more digits than 64 bits have (Python reads only so many)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def _truth(arguments: Arguments, word: str, value: str) -> str:
    if value in TRUE:
        return "true"
    if value in FALSE:
        return "false"
    raise arguments.misuse(f'"{word}": a flag can only be true or false')
