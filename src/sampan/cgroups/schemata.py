"""Lines of resctrl's ``schemata`` file, such as ``L3:0=7f0;1=1f``: what they mean, and whether they mean the same.

Pure. The kernel does not give back what was written: it pads names and values, sorts the domains, has all of them, and
rounds bandwidths up.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Values = dict[tuple[str, str], str]  # (resource, domain) -> value without padding: ("L3", "0") -> "7f0"


def parse(text: str) -> Values:
    """What the lines of ``text`` say; the last one where several speak of the same."""
    values: Values = {}
    for line in text.splitlines():
        resource, _, domains = line.partition(":")
        for part in domains.split(";"):
            domain, _, value = part.partition("=")
            values[resource.strip(), _bare(domain)] = _bare(value)
    return values


def differences(wanted: Values, found: Values, steps: Mapping[str, int]) -> list[str]:
    """What ``found`` has otherwise, as ``L3:0=7f0``, or not at all (``no L3:9``); what is not wanted does not matter.

    ``steps`` has the granularity of resources whose values are percents, to which the kernel rounds them up.
    """
    different = []
    for key, value in wanted.items():
        name = ":".join(key)
        if key not in found:
            different.append(f"no {name}")
        elif found[key] not in (value, _rounded(value, steps.get(key[0], 0))):
            different.append(f"{name}={found[key]}")
    return different


def batches(lines: Sequence[str]) -> Iterator[str]:
    """The lines in their order, as few writes as can be: the kernel refuses one that sets a domain twice.

    What it is given at once it checks at once, before anything of it is applied.
    """
    batch = ""
    said: set[tuple[str, str]] = set()
    for line in lines:
        keys = parse(line).keys()
        if said.intersection(keys):
            yield batch
            batch = ""
            said.clear()
        batch += f"{line}\n"
        said.update(keys)
    if batch:
        yield batch


def _bare(text: str) -> str:
    """A number of any base without what does not count: blanks, "0x", leading zeros, upper case."""
    return text.strip().lower().removeprefix("0x").lstrip("0") or "0"


def _rounded(value: str, step: int) -> str:
    if step > 0 and value.isascii() and value.isdigit() and int(value) <= 100:
        return str(-(-int(value) // step) * step)
    return value
