"""Filters of a listing, and suggestions for filter values that match no signal."""

from collections.abc import Mapping, Sequence

from longplay.errors import nearest
from longplay.registry.records import Head


def matches_filters(head: Head, filters: Mapping[str, str | None]) -> bool:
    """Whether a signal matches every filter."""
    tag = filters["tag"]
    values = {"owner": head.owner, "status": head.status, "anchor": head.anchor}
    return all(filters[key] in (None, value) for key, value in values.items()) and (tag is None or tag in head.tags)


def suggest_values(heads: Sequence[Head], filters: Mapping[str, str | None]) -> str:
    """Suggest the nearest value for each filter value that no signal has."""
    choices = {
        "owner": {head.owner for head in heads},
        "anchor": {head.anchor for head in heads},
        "tag": {tag for head in heads for tag in head.tags},
    }
    unmatched = [(key, filters[key], names) for key, names in choices.items() if filters[key] not in (None, *names)]
    return "".join(f"; --{key}: {nearest(str(value), names)}" for key, value, names in unmatched)
