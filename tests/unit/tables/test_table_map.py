"""The map of tables: each spec is consistent in itself."""

import re

import pytest

from longplay.errors import NotFoundError
from tables import catalog
from tables.spec import TableSpec, columns

_WORD = re.compile(r"'[^']*'|[a-z_][a-z0-9_]*", re.IGNORECASE)
_SQL = {"or", "and", "not", "is", "null", "in", "to_date", "lower", "octet_length", "isnan", "like"}
_TYPES = {"string", "timestamp", "date", "double", "boolean", "int", "bigint", "array<string>", "array<double>"}
SPECS = sorted(catalog.ALL.values(), key=lambda spec: spec.name)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_rules_and_grain_name_own_columns(spec: TableSpec) -> None:
    own = set(spec.column_names())
    assert len(own) == len(spec.columns)
    assert set(spec.grain) <= own
    assert spec.grain
    for rule in spec.rules:
        words = {word for word in _WORD.findall(rule.violation) if not word.startswith("'")}
        unknown = {word for word in words if word.lower() not in _SQL} - own
        assert unknown == set(), rule.name
        assert rule.message


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_checks_have_names_of_their_own_and_grains_are_never_null(spec: TableSpec) -> None:
    names = [rule.name for rule in spec.all_rules()]
    assert len(set(names)) == len(names)
    assert {f"{column}_not_null" for column in spec.grain} <= set(names)
    assert not set(names) & {"rows", "has_rows", "grain_is_unique"}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_column_has_a_type_and_a_meaning(spec: TableSpec) -> None:
    for column in spec.columns:
        assert column.type in _TYPES or column.type.startswith("map<"), column.name
        assert len(column.meaning) > 2, column.name
    assert spec.mode in ("append", "increment", "replace")
    assert spec.about.endswith(".")


def test_the_catalogue_finds_by_name_and_suggests() -> None:
    assert catalog.get("events") is catalog.ALL["events"]
    with pytest.raises(NotFoundError, match="There is no table 'event'") as caught:
        catalog.get("event")
    assert caught.value.fix == "did you mean 'events'?"
    assert set(catalog.RELEASED) < set(catalog.ALL)


def test_columns_are_read_from_a_text_table() -> None:
    first, second = columns("""
        a | string           | first
        b | map<string,int>? | second, in m
    """)
    assert (first.name, first.type, first.meaning, first.nullable) == ("a", "string", "first", False)
    assert (second.name, second.type, second.meaning, second.nullable) == ("b", "map<string,int>", "second, in m", True)
