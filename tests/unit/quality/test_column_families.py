"""Checks of column families, which no contract names one by one."""

from quality.measure.column_families import FINITE_RULE, with_families
from tables.checks import RowRule, Steady
from tables.spec import TableSpec, columns

COLUMNS = [("id", "string"), ("day", "date"), ("f_n", "bigint"), ("f_rate", "double"), ("f_kind", "string")]
OWN = RowRule("id_is_short", "length(id) > 3", "short")


def spec(time: str | None) -> TableSpec:
    text = "id | string | which\nday | date | when"
    return TableSpec("plays", "Test plays.", ("id",), columns(text), (OWN,), ("f_",), time=time)


def test_every_number_of_a_family_has_its_checks() -> None:
    extended = with_families(spec("day"), COLUMNS)
    infinite = "isnan(`f_rate`) OR abs(`f_rate`) = double('infinity')"
    assert extended.rules == (OWN, RowRule(FINITE_RULE, infinite, "numbers are finite or null"))
    assert [(c.name, c.measure) for c in extended.checks if isinstance(c, Steady)] == [
        ("f_n_mean", "AVG(`f_n`)"),
        ("f_n_spread", "STDDEV(`f_n`)"),
        ("f_n_null_share", "1 - COUNT(`f_n`) / COUNT(*)"),
        ("f_n_known_share", "COUNT(`f_n`) / COUNT(*)"),
        ("f_rate_mean", "AVG(`f_rate`)"),
        ("f_rate_spread", "STDDEV(`f_rate`)"),
        ("f_rate_null_share", "1 - COUNT(`f_rate`) / COUNT(*)"),
        ("f_rate_known_share", "COUNT(`f_rate`) / COUNT(*)"),
    ]


def test_a_table_without_days_has_nothing_to_be_held_against_and_finite_numbers_all_the_same() -> None:
    extended = with_families(spec(None), COLUMNS)
    assert extended.checks == ()
    assert [rule.name for rule in extended.rules] == ["id_is_short", FINITE_RULE]


def test_a_table_without_numbers_stays_as_it_is() -> None:
    assert with_families(spec("day"), COLUMNS[:2]) == spec("day")
