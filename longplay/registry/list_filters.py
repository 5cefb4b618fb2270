"""Which signals a list shows, and what a filter may have meant that fits none."""

from collections.abc import Mapping, Sequence

from longplay.errors import nearest
from longplay.registry.records import Head


def fits(head: Head, wanted: Mapping[str, str | None]) -> bool:
    """Whether a signal is what the filters ask for."""
    tag = wanted["tag"]
    said = {"owner": head.owner, "status": head.status, "anchor": head.anchor}
    return all(wanted[key] in (None, value) for key, value in said.items()) and (tag is None or tag in head.tags)


def hint(heads: Sequence[Head], wanted: Mapping[str, str | None]) -> str:
    """A hint for each value that no signal has."""
    had = {
        "owner": {head.owner for head in heads},
        "anchor": {head.anchor for head in heads},
        "tag": {tag for head in heads for tag in head.tags},
    }
    slips = [(key, wanted[key], names) for key, names in had.items() if wanted[key] not in (None, *names)]
    return "".join(f"; --{key}: {nearest(str(value), names)}" for key, value, names in slips)
