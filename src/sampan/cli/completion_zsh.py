"""The completion of zsh: the tables as specifications of its own _arguments."""

from __future__ import annotations

from sampan.cli.signals import NUMBERS
from sampan.cli.verbs import DIRECTORY, FILE, GLOBAL, ID, SIGNAL, all_verbs, meaning, operand_meanings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.cli.options import Table
    from sampan.cli.verbs import Verb

_SCRIPT = r"""#compdef sampan
# zsh completion of sampan, made by `sampan completion zsh`

_sampan_ids() {
    local -a ids
    ids=(${(f)"$(_call_program containers ${(q)command} ${root:+--root ${(q)root}} list --quiet 2>/dev/null)"})
    _wanted containers expl container compadd -a ids
}

_sampan_verbs() {
    local -a verbs
    verbs=(
@VERBS@
    )
    _describe command verbs
}

_sampan() {
    local command=$words[1] root state state_descr line expl curcontext=$curcontext
    typeset -A opt_args
    _arguments -C -A '-*' \
@GLOBAL@
        '1:command:_sampan_verbs' \
        '*:: :->verb' && return
    [[ $state == verb ]] || return 1
    root=${opt_args[--root]}
    case $line[1] in
@CASES@
    esac
}

if [[ $funcstack[1] == _sampan ]]; then
    _sampan "$@"
else
    compdef _sampan sampan
fi
"""


def script() -> str:
    """All of it."""
    verbs = all_verbs()
    parts = {
        "VERBS": "\n".join(f"        {_quoted(f'{verb.name}:{verb.summary}')}" for verb in verbs),
        "GLOBAL": "\n".join(f"        {line} \\" for line in _options(GLOBAL)),
        "CASES": "\n".join(map(_case, verbs)),
    }
    text = _SCRIPT
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def _case(verb: Verb) -> str:
    arguments = [*_options(verb.options), *_operands(verb)]
    stop = " -A '-*'" if verb.stops else ""
    lines = " \\\n".join([f"        _arguments{stop}", *(f"            {line}" for line in arguments)])
    return f"    {verb.name})\n{lines}\n        ;;"


def _options(table: Table) -> Iterator[str]:
    for option in table:
        name, short, placeholder, text = option
        names = [f"--{name}", *([f"-{short}"] if short else [])]
        before = "*" if "repeated" in text else f"({' '.join(names)})"
        value = f":{_escaped(placeholder)}:{_action(meaning(placeholder))}" if placeholder else ""
        for written in names:
            sign = "" if not placeholder else "=" if written.startswith("--") else "+"
            yield _quoted(f"{before}{written}{sign}[{_escaped(text)}]{value}")


def _operands(verb: Verb) -> Iterator[str]:
    first, rest = operand_meanings(verb)
    for number, kind in enumerate(first, 1):
        operand = verb.operands[number - 1]
        colon = "::" if operand.startswith("[") else ":"
        yield _quoted(f"{number}{colon}{_escaped(operand.strip('[].'))}:{_action(kind)}")
    if verb.operands and verb.operands[-1].endswith("...]"):
        yield _quoted(f"*:{_escaped(verb.operands[-1].strip('[].'))}:{_action(rest)}")


def _action(kind: str) -> str:
    """What zsh shall offer; a single space is nothing."""
    fixed = {ID: "_sampan_ids", SIGNAL: f"({' '.join(NUMBERS)})", FILE: "_files", DIRECTORY: "_files -/"}
    return fixed.get(kind) or (f"({kind.replace('|', ' ')})" if kind else " ")


def _escaped(text: str) -> str:
    """Without what has a meaning in a specification."""
    for sign in "\\[]:":
        text = text.replace(sign, f"\\{sign}")
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
