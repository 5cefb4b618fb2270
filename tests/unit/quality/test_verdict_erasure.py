"""What verdicts remember of people is forgotten, and nothing else."""

import json
from pathlib import Path
from typing import Any

from quality.publication_history import load_publication_history
from quality.verdict_erasure import erase_from_pages, erase_from_verdicts, without_person


def names_u7(text: str) -> bool:
    return "u7" in text.split()


def write(folder: Path, name: str, verdict: dict[str, Any]) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(verdict), encoding="utf-8")
    return file


def test_fingerprints_of_ids_and_values_that_are_gone_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    memory = {"known": {"below": 9, "ids": [1, 2]}, "topics": {"jazz": 0.9, "own": 0.1}, "kinds": {"play": 1.0}}
    verdict = {"table": "plays", "days": {}, "shapes": {"numbers": {"known": 0.9}, "memory": memory}}
    file, plain = write(tmp_path, "plays-1", verdict), write(tmp_path, "plays-2", {"table": "plays"})
    before = plain.stat().st_mtime_ns
    assert erase_from_verdicts(tmp_path, names_u7, {"plays": {"topics": ["jazz", "folk"]}}) == 1
    (remaining,) = load_publication_history(tmp_path, "plays", lambda table: ["plays-1.json"]).memories
    assert remaining == {"topics": {"jazz": 0.9}, "kinds": {"play": 1.0}}
    assert json.loads(file.read_text(encoding="utf-8"))["shapes"]["numbers"] == {"known": 0.9}
    assert plain.stat().st_mtime_ns == before
    assert erase_from_verdicts(tmp_path, names_u7, {"plays": {"topics": ["jazz", "folk"]}}) == 0


def test_rows_that_name_the_person_go_with_all_their_values() -> None:
    value = {
        "rows": [{"user": "u7", "item": "a"}, {"user": "u8", "item": None}, None],
        "by_user": {"u7": 1, "u8": 2},
        "failure": {"message": "rows such as u7", "value": 3},
        "nested": [["u7", "x"], 7],
    }
    left = {"rows": [{"user": "u8", "item": None}, None], "by_user": {"u8": 2}, "nested": [["x"], 7]}
    assert without_person(value, names_u7) == left
    assert without_person(left, names_u7) == left


def test_a_verdict_that_is_about_the_person_is_removed(tmp_path: Path) -> None:
    file = write(tmp_path, "plays-1", {"table": "plays", "note": "about u7"})
    assert erase_from_verdicts(tmp_path, names_u7, {}) == 1
    assert not file.exists()


def test_pages_that_name_the_person_are_removed(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.html").write_text("<td> u7 </td>", encoding="utf-8")
    (tmp_path / "docs" / "b.html").write_text("<td> u8 </td>", encoding="utf-8")
    assert erase_from_pages(tmp_path / "docs", names_u7) == (2, 1)
    assert [file.name for file in (tmp_path / "docs").iterdir()] == ["b.html"]
    assert erase_from_pages(tmp_path / "none", names_u7) == (0, 0)
