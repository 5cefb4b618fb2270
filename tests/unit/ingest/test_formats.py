"""Every format of raw files is complete: in source files, in the reference, and with the keys that apply to it."""

from pathlib import Path
from typing import get_args

import pytest

from ingest.formats import FORMATS, FileFormat, FormatName
from longplay.errors import ConfigError
from tests.unit.ingest.small_logs import build_source

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "sources.md"
KEYS = {"columns": ["a"], "widths": [1], "delimiter": ";", "quote": "'", "escape": "\\", "encoding": "cp1252"}


def test_every_name_has_a_format_and_every_key_an_example() -> None:
    assert set(get_args(FormatName)) == set(FORMATS)
    assert set(FileFormat.model_fields) - {"type"} == set(KEYS) == {key for raw in FORMATS.values() for key in raw.keys}


@pytest.mark.parametrize("name", FORMATS)
def test_a_source_takes_the_keys_that_apply_to_its_format(name: FormatName) -> None:
    needed = {key: KEYS[key] for key in ("columns", "widths") if name == "fixed_width"}
    assert build_source(format={"type": name, **needed}).format.type == name
    for key, example in KEYS.items():
        keys = {"type": name, **needed, key: example}
        if key in FORMATS[name].keys:
            assert build_source(format=keys).format.model_fields_set == set(keys)
        else:
            with pytest.raises(ConfigError, match=f"'{key}' does not apply to {name} files"):
                build_source(format=keys)


@pytest.mark.parametrize("name", FORMATS)
def test_the_reference_says_how_a_format_is_read(name: FormatName) -> None:
    assert f"| `{name}` | {FORMATS[name].about} |" in REFERENCE.read_text(encoding="utf-8")
