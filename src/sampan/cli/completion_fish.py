"""The completion of fish: one line for each thing that can be offered, and where."""

from __future__ import annotations

from sampan.cli.completion_bash import spellings
from sampan.cli.signals import NUMBERS
from sampan.cli.verbs import DIRECTORY, FILE, GLOBAL, ID, SIGNAL, all_verbs, meaning, operand_meanings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.cli.options import Table
    from sampan.cli.verbs import Verb

_SCRIPT = r"""# fish completion of sampan, made by `sampan completion fish`

# Is there a value to come after the option $argv[2] of the verb $argv[1]? (The global ones have none.)
function __sampan_takes_value
    switch "$argv[1] $argv[2]"
@VALUES@
            return 0
    end
    return 1
end

# Whether the words before the cursor are the verb $argv[1] ("" is none yet) and $argv[2] operands ("" is any number).
function __sampan_at
    set -l words (commandline -opc)
    set -l verb ""
    set -l operands 0
    set -l only_operands ""
    set -l index 2
    while test $index -le (count $words)
        set -l word $words[$index]
        set index (math $index + 1)
        if test -n "$only_operands"; or not string match -q -- '-?*' $word
            if test -z "$verb"
                set verb $word
            else
                set operands (math $operands + 1)
            end
        else if test $word = --
            set only_operands yes
        else if __sampan_takes_value "$verb" $word
            set index (math $index + 1)
        end
    end
    test "$verb" = "$argv[1]"; and test -z "$argv[2]" -o "$operands" = "$argv[2]"
end

function __sampan_ids
    set -l words (commandline -opc)
    set -l root (string match -r -g -- '^--?root=(.*)' $words)
    if set -l index (contains -i -- --root $words)
        set root $words[(math $index + 1)]
    end
    if test -n "$root"
        $words[1] --root $root[1] list --quiet 2>/dev/null
    else
        $words[1] list --quiet 2>/dev/null
    end
end

complete -c sampan -f
@COMPLETIONS@
"""
_NO_VERB = "__sampan_at ''"


def script() -> str:
    """All of it."""
    verbs = all_verbs()
    values = [*_valued("", GLOBAL), *(word for verb in verbs for word in _valued(verb.name, verb.options))]
    lines = list(_options(_NO_VERB, GLOBAL))
    for verb in verbs:
        lines.append(f"complete -c sampan -n {_quoted(_NO_VERB)} -a {verb.name} -d {_quoted(verb.summary)}")
        lines += _options(f"__sampan_at {verb.name} {'0' if verb.stops else ''}".rstrip(), verb.options)
        lines += _operands(verb)
    text = _SCRIPT.replace("@VALUES@", "        case " + " ".join(map(_quoted, values)))
    return text.replace("@COMPLETIONS@", "\n".join(lines))


def _valued(verb: str, table: Table) -> Iterator[str]:
    for name, short, placeholder, _ in table:
        if placeholder:
            yield from (f"{verb} {spelling}" for spelling in spellings(name, short))


def _options(condition: str, table: Table) -> Iterator[str]:
    for name, short, placeholder, text in table:
        line = f"complete -c sampan -n {_quoted(condition)} -l {name}"
        line += f" -s {short}" if short else ""
        if placeholder:
            kind = meaning(placeholder)
            line += " -r -F" if kind == FILE else f" -x{_offer(kind)}"
        yield f"{line} -d {_quoted(text)}"


def _operands(verb: Verb) -> Iterator[str]:
    first, rest = operand_meanings(verb)
    places = [*((f"{verb.name} {before}", kind) for before, kind in enumerate(first)), (verb.name, rest)]
    for place, kind in places:
        if kind:
            yield f"complete -c sampan -n {_quoted(f'__sampan_at {place}')}{_offer(kind)}"


def _offer(kind: str) -> str:
    fixed = {ID: "(__sampan_ids)", SIGNAL: " ".join(NUMBERS), DIRECTORY: "(__fish_complete_directories)", FILE: ""}
    words = fixed.get(kind, kind.replace("|", " "))
    return f" -a {_quoted(words)}" if words else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
