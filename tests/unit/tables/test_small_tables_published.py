"""Small tables without Spark: staged, audited, committed; nothing broken is ever there to be read."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from longplay.errors import QualityError
from quality.gate import Gate
from tables.arrow_store import RuleCountsGate, publish_rows, read_commit_metadata, read_rows
from tables.catalog import DAY_COUNTS, OUTAGES, QUALITY_METRICS
from tables.publish import Lineage

RUN = Lineage("run-1", "print", {"events": 3}, {"batch": 2})


def gate(folder: Path) -> RuleCountsGate:
    """The gate of the jobs."""
    return Gate(folder / "_quality", RUN.run_id).validate_counts


GOOD = {"event_day": date(2026, 1, 1), "known_day": date(2026, 1, 2), "users": 3, "returning_users": 1, "events": 4}


def test_a_table_holds_what_was_published_last(tmp_path: Path) -> None:
    assert read_rows(tmp_path, DAY_COUNTS) == []
    assert read_commit_metadata(tmp_path, DAY_COUNTS) == {}
    publication = publish_rows(tmp_path, DAY_COUNTS, [GOOD], RUN, gate(tmp_path))
    assert (publication.table, publication.version, publication.rows, publication.written) == ("day_counts", 0, 1, True)
    other = {**GOOD, "known_day": date(2026, 1, 3)}
    publish_rows(tmp_path, DAY_COUNTS, [other], RUN, gate(tmp_path))
    assert read_rows(tmp_path, DAY_COUNTS) == [other]
    metadata = read_commit_metadata(tmp_path, DAY_COUNTS)
    assert (metadata["run_id"], metadata["inputs"], metadata["facts"], metadata["audit"]["rows"]) == (
        "run-1",
        {"events": 3},
        {"batch": 2},
        1,
    )
    assert not list((tmp_path / "_staging").iterdir())


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([GOOD, GOOD], "grain_is_unique: rows repeat (event_day, known_day): 1 rows"),
        ([{**GOOD, "users": None}], "users_not_null: users must not be null: 1 rows"),
        ([{**GOOD, "users": 5}], "counts_fit"),
        ([{**GOOD, "known_day": date(2025, 12, 31)}], "known_day_not_before"),
    ],
)
def test_rows_that_break_a_rule_are_refused_and_kept(tmp_path: Path, rows: list[dict], rule: str) -> None:
    publish_rows(tmp_path, DAY_COUNTS, [GOOD], RUN, gate(tmp_path))
    with pytest.raises(QualityError) as caught:
        publish_rows(tmp_path, DAY_COUNTS, rows, RUN, gate(tmp_path))
    assert rule in caught.value.render()
    assert read_rows(tmp_path, DAY_COUNTS) == [GOOD]
    assert (tmp_path / "rejected" / "day_counts-run-1" / "rows.parquet").exists()


def test_a_table_of_an_earlier_version_gains_its_new_columns(tmp_path: Path) -> None:
    old = {name: value for name, value in GOOD.items() if name != "returning_users"}
    write_deltalake(str(tmp_path / "day_counts"), pa.Table.from_pylist([old]))
    assert publish_rows(tmp_path, DAY_COUNTS, [GOOD], RUN, gate(tmp_path)).version == 1
    assert read_rows(tmp_path, DAY_COUNTS) == [GOOD]


def test_an_outage_needs_an_end_after_its_start(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row = dict.fromkeys(OUTAGES.column_names()) | {
        "source": "s", "outage": moment, "start": moment, "end": moment, "found_by": "counts", "judged_at": moment,
        "known_ts": moment, "dismissed": False,
    }  # fmt: skip
    with pytest.raises(QualityError, match=r"outages"):
        publish_rows(tmp_path, OUTAGES, [row], RUN, gate(tmp_path))
    publish_rows(tmp_path, OUTAGES, [row | {"end": datetime(2026, 1, 2, tzinfo=UTC)}], RUN, gate(tmp_path))
    # A table without rows is a version, too.
    publish_rows(tmp_path, OUTAGES, [], RUN, gate(tmp_path))
    assert read_rows(tmp_path, OUTAGES) == []
    assert DeltaTable(str(tmp_path / "outages")).version() == 1


def test_to_a_table_of_facts_only_new_rows_are_added(tmp_path: Path) -> None:
    row = {
        "table": "events", "version": 1, "metric": "rows", "subject": "", "day": "", "value": 5.0,
        "measured_at": datetime(2026, 1, 1, tzinfo=UTC), "run_id": "run-1",
    }  # fmt: skip
    publish_rows(tmp_path, QUALITY_METRICS, [row], RUN, gate(tmp_path))
    again = publish_rows(tmp_path, QUALITY_METRICS, [{**row, "value": 6.0}], RUN, gate(tmp_path))
    assert (again.written, again.why) == (False, "no new rows")
    publish_rows(tmp_path, QUALITY_METRICS, [row, {**row, "version": 2}], RUN, gate(tmp_path))
    assert sorted((r["version"], r["value"]) for r in read_rows(tmp_path, QUALITY_METRICS)) == [(1, 5.0), (2, 5.0)]
