"""The names of a registry, and those nearest to an unknown one, found with a bounded amount of work."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property

from longplay.errors import NotFoundError, suggest

CANDIDATES = 20
"""Names, and versions of a name, that are compared letter by letter; names that share the most trigrams come first."""
LONGEST_NAME = 200
"""Letters of an unknown name that are compared."""


class UnknownName(NotFoundError):
    """No definition has this name.

    Args:
        kind: of definition.
        name: the requested name.
        nearest: the known names closest to it, closest first.
        names: the names to list where none is close.
    """

    def __init__(self, kind: str, name: str, nearest: Sequence[str], names: Sequence[str]) -> None:
        self.nearest = list(nearest)
        super().__init__(f"There is no {kind} '{name}'.", got=name, fix=suggest(nearest, names))


class NameIndex:
    """Definitions by name, and names by trigrams: comparing with 10,000 names letter by letter takes half a second.

    Args:
        refs: pinned names (``name@version``).
        aliases: ``name@alias``.

    Attributes:
        versions: pinned names by name.
    """

    def __init__(self, refs: Iterable[str], aliases: Iterable[str] = ()) -> None:
        self.versions, self._aliases = _by_name(refs), _by_name(aliases)
        self._names = sorted(self.versions)

    @cached_property
    def _by_trigram(self) -> dict[str, list[int]]:
        """Numbers of the names that have a trigram; built for the first unknown name."""
        by_trigram: dict[str, list[int]] = defaultdict(list)
        for number, name in enumerate(self._names):
            for trigram in _trigrams(name):
                by_trigram[trigram].append(number)
        return by_trigram

    def unknown(self, kind: str, name: str) -> UnknownName:
        """The error for a name that is not in the index, with the nearest that are."""
        text = name[:LONGEST_NAME]
        head = text.partition("@")[0]
        if head in self.versions:
            names = self._pinned(head)
        else:
            close = get_close_matches(head, self._sharing_trigrams(head), n=3, cutoff=0.5)
            names = [*close, *(ref for near in close for ref in self._pinned(near))]
        nearest = get_close_matches(text, sorted(names), n=3, cutoff=0.6)
        return UnknownName(kind, name, nearest, names if head in self.versions else self._names)

    def _pinned(self, name: str) -> list[str]:
        return [*self.versions[name][-CANDIDATES:], *self._aliases.get(name, [])[:CANDIDATES]]

    def _sharing_trigrams(self, name: str) -> list[str]:
        shared: Counter[int] = Counter()
        for trigram in _trigrams(name):
            shared.update(self._by_trigram.get(trigram, ()))
        return [self._names[number] for number, _ in shared.most_common(CANDIDATES)]


def _by_name(refs: Iterable[str]) -> dict[str, list[str]]:
    by_name: dict[str, list[str]] = {}
    for ref in refs:
        by_name.setdefault(ref.partition("@")[0], []).append(ref)
    return by_name


def _trigrams(name: str) -> Iterator[str]:
    padded = f"  {name} "
    return iter({padded[i : i + 3] for i in range(len(padded) - 2)})
