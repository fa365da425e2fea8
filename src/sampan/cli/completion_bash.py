"""The completion of bash: a walk over the words before the cursor, by tables made of the verbs'. Needs bash 4."""

from __future__ import annotations

from sampan.cli.signals import NUMBERS
from sampan.cli.verbs import GLOBAL, all_verbs, meaning, operand_meanings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.cli.options import Table

_SCRIPT = r"""# bash completion of sampan, made by `sampan completion bash`

# What stands after the option $2 of the verb $1 (the global ones have none); nothing for a flag.
_sampan_of_option() {
    kind=
    case "$1 $2" in
@VALUES@
    esac
}

# What the operand number $2 of the verb $1 is.
_sampan_of_operand() {
    kind=none
    case "$1 $2" in
    " 1") kind='@VERBS@' ;;
@OPERANDS@
    esac
}

# The options of the verb $1 that can come after $2 operands.
_sampan_options() {
    options=
    case "$1 $2" in
@OPTIONS@
    esac
}

_sampan_reply() {
    local choices
    case $kind in
    none) return ;;
    file | directory)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -A "$kind" -- "$current")
        return
        ;;
    id) choices=$("${words[0]/#\~/$HOME}" "${root[@]}" list --quiet 2>/dev/null) ;;
    signal) choices='@SIGNALS@' ;;
    *) choices=${kind//|/ } ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
}

# The words up to the cursor, which bash has also split at each "=" and ":".
_sampan_words() {
    local line=${COMP_LINE:0:COMP_POINT} part rest
    words=()
    for part in "${COMP_WORDS[@]:0:COMP_CWORD}"; do
        rest=${line#"${line%%[![:space:]]*}"}
        if [[ ${#words[@]} -gt 0 && $rest == "$line" ]]; then words[-1]+=$part; else words+=("$part"); fi
        line=${rest#"$part"}
    done
    rest=${line#"${line%%[![:space:]]*}"}
    if [[ $rest == "$line" ]]; then words[-1]+=$rest; else words+=("$rest"); fi
}

_sampan() {
    local current verb= kind= options= root=() words=() operands=0 only_operands= index=1 word
    COMPREPLY=()
    _sampan_words
    current=${words[-1]}
    while ((index < ${#words[@]} - 1)); do
        word=${words[index++]}
        if [[ -n $only_operands || $word != -?* ]]; then
            if [[ -z $verb ]]; then verb=$word; else ((++operands)); fi
        elif [[ $word == -- ]]; then
            only_operands=yes
        else
            [[ -n $verb || $word != *-root=* ]] || root=(--root "${word#*=}")
            _sampan_of_option "$verb" "$word"
            [[ -n $kind ]] || continue
            if ((index == ${#words[@]} - 1)); then
                _sampan_reply
                return
            fi
            [[ -n $verb || $word != *-root ]] || root=(--root "${words[index]}")
            ((++index))
        fi
    done
    if [[ -z $only_operands && $current == -*=* ]]; then
        _sampan_of_option "$verb" "${current%%=*}"
        current=${current#*=}
        kind=${kind:-true|false}
        _sampan_reply
        return
    fi
    _sampan_options "$verb" "$operands"
    if [[ -z $only_operands && -n $options && $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    else
        _sampan_of_operand "$verb" "$((operands + 1))"
        _sampan_reply
    fi
}

complete -F _sampan sampan
"""


def script() -> str:
    """All of it."""
    verbs = all_verbs()
    values = [*_values("", GLOBAL), *(line for verb in verbs for line in _values(verb.name, verb.options))]
    options = [f'    " "*) options="{_names(GLOBAL)}" ;;']
    operands = []
    for verb in verbs:
        first, rest = operand_meanings(verb)
        kinds = [*((f'"{verb.name} {n}"', kind) for n, kind in enumerate(first, 1)), (f'"{verb.name} "*', rest)]
        operands += [f"    {pattern}) kind='{kind}' ;;" for pattern, kind in kinds if kind]
        place = f'"{verb.name} 0"' if verb.stops else f'"{verb.name} "*'
        options.append(f'    {place}) options="{_names(verb.options)}" ;;')
    parts = {
        "VALUES": "\n".join(values),
        "VERBS": "|".join(verb.name for verb in verbs),
        "OPERANDS": "\n".join(operands),
        "OPTIONS": "\n".join(options),
        "SIGNALS": " ".join(NUMBERS),
    }
    text = _SCRIPT
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def spellings(name: str, short: str) -> list[str]:
    """How an option can be written: also with one dash, as Go's flag package takes it."""
    return [f"--{name}", f"-{name}", *([f"-{short}"] if short else [])]


def _values(verb: str, table: Table) -> Iterator[str]:
    for name, short, placeholder, _ in table:
        if placeholder:
            patterns = " | ".join(f'"{verb} {spelling}"' for spelling in spellings(name, short))
            yield f"    {patterns}) kind='{meaning(placeholder) or 'none'}' ;;"


def _names(table: Table) -> str:
    return " ".join(f"--{name}" for name, *_ in table)
