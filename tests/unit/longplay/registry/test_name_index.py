"""The names nearest to an unknown one, with few comparisons."""

import random
from difflib import SequenceMatcher, get_close_matches

import pytest

from longplay.errors import nearest
from longplay.registry.name_index import CANDIDATES, NameIndex

WORDS = ["album", "artist", "evening", "morning", "playlist", "podcast", "radio", "session", "skip", "stream"]


@pytest.fixture(scope="module")
def names() -> list[str]:
    rng = random.Random(1)
    return [f"{'_'.join(rng.sample(WORDS, 3))}_{number}" for number in range(2_000)]


def test_a_misspelt_name_is_recognised_among_thousands(names: list[str]) -> None:
    index, rng = NameIndex(f"{name}@{version}" for name in names for version in (1, 2)), random.Random(2)
    for name in rng.sample(names, 50):
        position = rng.randrange(len(name))
        misspelt = name[:position] + rng.choice(["", "x", "xx"]) + name[position + 1 :]
        if misspelt not in index.versions:
            error = index.unknown("signal", misspelt)
            best = get_close_matches(misspelt, names, n=1)[0]
            assert SequenceMatcher(None, best, misspelt).ratio() == pytest.approx(
                SequenceMatcher(None, error.nearest[0], misspelt).ratio()
            )
            assert error.fix == f"did you mean '{error.nearest[0]}'?"


@pytest.mark.parametrize("name", ["album_artist_evenig_7", "x" * 100_000, "@", "", "album_" * 5_000, "click@\0"])
def test_few_names_are_compared(names: list[str], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    index, compared = NameIndex(f"{name}@1" for name in names), []

    def count(word: str, possibilities: list[str], **options: float) -> list[str]:
        compared.extend(possibilities)
        assert len(word) <= 200
        return get_close_matches(word, possibilities, n=3, cutoff=options["cutoff"])

    monkeypatch.setattr("longplay.registry.name_index.get_close_matches", count)
    assert index.unknown("signal", name).got == name
    assert len(compared) <= 2 * CANDIDATES


def test_versions_and_aliases_of_a_known_name() -> None:
    index = NameIndex(["came_back@1", "came_back@2", "other@1"], ["came_back@champion"])
    assert index.unknown("signal", "came_back@3").nearest[:2] == ["came_back@2", "came_back@1"]
    assert index.unknown("signal", "came_back@champoin").nearest[0] == "came_back@champion"
    assert index.unknown("signal", "zzzzzz").fix == nearest("zzzzzz", ["came_back", "other"])
    assert NameIndex([]).unknown("reward", "a").fix == "known names: none"
