"""The gate: the message of each kind of check, the verdict of great-expectations, and its file."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from longplay.errors import QualityError
from quality.gate import Gate
from quality.gx.validate_metrics import _open_validation
from quality.measure.profile import PublicationProfile
from quality.measure.sample import Shapes
from quality.publication_history import PublicationHistory
from quality.validation import Measurements, measure, validate
from tables.checks import GRAIN
from tables.checksum import checksum
from tables.publish import Lineage, WritableStore
from tables.spec import RowRule, TableSpec, columns

pytestmark = pytest.mark.spark

SPEC = TableSpec(
    "plays",
    "Test plays.",
    ("user_id", "day"),
    columns("""
        user_id | string  | who
        day     | int     | when
        seconds | double? | how long
    """),
    rules=(RowRule("seconds_not_negative", "seconds < 0", "seconds must be 0 or more"),),
    families=("f_",),
)
SCHEMA = "user_id string, day int, seconds double"
GOOD: list[tuple[Any, ...]] = [("ann", 1, 40.0), ("ann", 2, None), ("bob", 1, 0.0)]


def plays(spark: SparkSession, *more: tuple[Any, ...], schema: str = SCHEMA) -> DataFrame:
    return spark.createDataFrame([*GOOD, *more], schema)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "results", "run-1")


def refusal(gate: Gate, frame: DataFrame, spec: TableSpec = SPEC) -> QualityError:
    with pytest.raises(QualityError) as caught:
        gate(frame, spec)
    assert caught.value.where == f"table {spec.name}"
    assert caught.value.exit_code == 4
    return caught.value


def test_a_sound_table_passes_and_its_verdict_is_kept(spark: SparkSession, gate: Gate) -> None:
    frame = plays(spark)
    audit = gate(frame, SPEC)
    assert audit == {"rows": 3, "checks": 5, "checksum": checksum(frame), "verdict": "plays-run-1.json"}
    verdict = json.loads((gate.results / "plays-run-1.json").read_text(encoding="utf-8"))
    assert verdict["profile"] == {
        "rows": 3,
        "user_id_not_null": 0,
        "day_not_null": 0,
        "seconds_not_negative": 0,
        "grain_is_unique": 0,
    }
    assert verdict["checks"] == dict.fromkeys(
        ("has_rows", "user_id_not_null", "day_not_null", "seconds_not_negative", "grain_is_unique"), True
    )
    evaluated = verdict["great_expectations"]["results"]
    assert {r["expectation_config"]["type"] for r in evaluated} == {"expect_column_pair_values_a_to_be_greater_than_b"}
    assert verdict["great_expectations"]["success"] is True
    assert verdict["numbers"]["rows"] == {"value": 3, "low": 1, "high": None}


def test_every_verdict_of_a_run_is_kept(spark: SparkSession, gate: Gate) -> None:
    names = [gate(plays(spark), SPEC)["verdict"] for _ in range(3)]
    assert names == ["plays-run-1.json", "plays-run-1-2.json", "plays-run-1-3.json"]
    assert sorted(file.name for file in gate.results.iterdir()) == sorted(names)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([("zoe", None, 77.5)], "day_not_null: day must not be null: 1 of 4 rows"),
        ([("zoe", 3, -77.5)], "seconds_not_negative: seconds must be 0 or more: 1 of 4 rows"),
        ([("zoe", 1, 77.5), ("zoe", 1, 8.0)], "grain_is_unique: rows repeat (user_id, day): 1 of 5 rows"),
    ],
)
def test_a_failed_check_is_named_with_the_number_of_rows_and_no_row(
    spark: SparkSession, gate: Gate, rows: list[tuple[Any, ...]], line: str
) -> None:
    error = refusal(gate, plays(spark, *rows))
    assert error.what == "The gate of 'plays' failed; nothing was published."
    assert error.got == line
    assert not [word for word in ("zoe", "77.5") if word in str(error)]
    assert error.fix == "correct the input or the step and run it again"  # nothing was staged
    verdict = json.loads((gate.results / "plays-run-1.json").read_text(encoding="utf-8"))
    assert [name for name, passed in verdict["checks"].items() if not passed] == [line.split(":")[0]]
    assert verdict["great_expectations"]["success"] is False
    assert "zoe" not in json.dumps(verdict)


def test_all_failed_checks_are_named_at_once(spark: SparkSession, gate: Gate) -> None:
    bad = [("cat", day, -1.0) for day in range(8)]
    error = refusal(gate, plays(spark, *bad, (None, 1, 1.0), ("bob", 1, 5.0)))
    assert [line.split(":")[0].strip() for line in error.got.splitlines()] == [
        "user_id_not_null",
        "seconds_not_negative",
        "grain_is_unique",
    ]
    assert "8 of 13 rows" in error.got


@pytest.mark.parametrize(
    ("expression", "what", "got"),
    [
        (["user_id", "day"], "Column 'seconds' of 'plays' does not match its spec.", "no such column"),
        (
            ["user_id", "cast(day as bigint) day", "seconds"],
            "Column 'day' of 'plays' does not match its spec",
            "bigint",
        ),
        (["*", "1 as surplus"], "'plays' has columns that its spec does not list.", "surplus"),
        (["day", "user_id", "seconds"], "The columns of 'plays' are not in the order", "day, user_id, seconds"),
    ],
)
def test_a_schema_that_is_not_the_spec(
    spark: SparkSession, gate: Gate, expression: list[str], what: str, got: str
) -> None:
    error = refusal(gate, plays(spark).selectExpr(*expression))
    assert error.what.startswith(what)
    assert error.got == got
    assert error.fix


def test_columns_of_a_family_are_welcome(spark: SparkSession, gate: Gate) -> None:
    assert gate(plays(spark).selectExpr("*", "1.5D as f_more"), SPEC)["rows"] == 3


def test_an_empty_table_passes_only_where_the_spec_says_so(spark: SparkSession, gate: Gate) -> None:
    empty = plays(spark).where("false")
    assert "has_rows: the table would be empty" in refusal(gate, empty).got
    for changes in ({"allow_empty": True}, {"mode": "append"}):
        spec = TableSpec(**{**vars(SPEC), **changes})
        assert gate(empty, spec)["rows"] == 0


def test_a_warning_is_kept_and_blocks_nothing(spark: SparkSession, gate: Gate) -> None:
    lenient = RowRule("seconds_below_a_minute", "seconds >= 60", "plays are short", "warning")
    spec = TableSpec(**{**vars(SPEC), "rules": (*SPEC.rules, lenient)})
    audit = gate(plays(spark, ("cat", 3, 60.0)), spec)
    assert (audit["rows"], audit["warnings"]) == (4, ["seconds_below_a_minute"])
    verdict = json.loads((gate.results / audit["verdict"]).read_text(encoding="utf-8"))
    assert verdict["checks"]["seconds_below_a_minute"] is False
    error = refusal(gate, plays(spark, ("cat", 3, 60.0), ("dan", 3, -1.0)), spec)
    assert "seconds_not_negative" in error.got
    assert "seconds_below_a_minute" not in error.got


def test_nulls_in_a_rule_are_no_violation_and_counts_are_exact(spark: SparkSession) -> None:
    measurements = measure(
        plays(spark, ("cat", 1, -0.5), ("cat", 1, None), ("cat", 1, None)), SPEC, PublicationHistory()
    )
    assert measurements.row_counts == {
        "rows": 6,
        "user_id_not_null": 0,
        "day_not_null": 0,
        "seconds_not_negative": 1,
        GRAIN: 2,
    }
    assert measurements.profile.checksum.startswith("6:")


@pytest.mark.parametrize(
    ("doctored", "failed"),
    [
        ({}, []),
        ({"seconds_not_negative": 1}, ["seconds_not_negative"]),
        ({GRAIN: 2, "day_not_null": 1}, ["day_not_null", GRAIN]),
        ({"rows": 0}, ["has_rows"]),
    ],
)
def test_great_expectations_gives_the_verdict(doctored: dict[str, int], failed: list[str]) -> None:
    row_counts = {"rows": 3, "user_id_not_null": 0, "day_not_null": 0, "seconds_not_negative": 0, GRAIN: 0} | doctored
    rows, repeated_rows = row_counts.pop("rows"), row_counts.pop(GRAIN)
    verdict, failures = validate(
        Measurements(PublicationProfile(rows, row_counts, ""), repeated_rows, Shapes(), {}), SPEC, PublicationHistory()
    )
    assert [failure.check for failure in failures] == failed
    assert [name for name, passed in verdict["checks"].items() if not passed] == failed
    results = verdict["great_expectations"]["results"]
    failed_columns = {row["column"] for r in results for row in r["result"].get("unexpected_index_list", ())}
    assert failed_columns == {"rows" if name == "has_rows" else name for name in failed}


def test_the_gate_decides_by_what_great_expectations_says(
    spark: SparkSession, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    import great_expectations.expectations as gxe

    # When every expectation passes, the gate passes: nothing else decides.
    compare = gxe.ExpectColumnPairValuesAToBeGreaterThanB
    monkeypatch.setattr(
        gxe,
        "ExpectColumnPairValuesAToBeGreaterThanB",
        lambda **_: compare(column_A="value", column_B="value", or_equal=True),
    )
    _open_validation.cache_clear()
    try:
        assert gate(plays(spark, ("cat", 3, -1.0)), SPEC)["rows"] == 4
    finally:
        _open_validation.cache_clear()


def test_nothing_that_fails_is_published(spark: SparkSession, gate: Gate, tmp_path: Path) -> None:
    store = WritableStore(tmp_path, "shop", lambda: spark)
    store.publish(plays(spark), SPEC, Lineage("run-1", "f1"), gate)
    second = Gate(store.folder / "_quality", "run-2")
    with pytest.raises(QualityError, match="seconds_not_negative") as caught:
        store.publish(plays(spark, ("cat", 3, -1.0)), SPEC, Lineage("run-2", "f2"), second)
    assert store.version("plays") == 0
    assert store.commit_metadata("plays")["audit"]["verdict"] == "plays-run-1.json"
    rejected = store.spark.read.parquet(str(store.folder / "rejected" / "plays-run-2"))
    assert rejected.where("seconds < 0").count() == 1
    # The error says how to see them, on this machine.
    command = shlex.split(caught.value.fix.split("to see the rejected rows: ")[1])
    shown = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True, check=True).stdout
    assert "cat" in shown
    assert "-1.0" in shown
    assert "cat" not in str(caught.value)
