"""The reader that watches killed publishes reports each kind of fault, and nothing else."""

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from tests.chaos.killed_publishes import ROWS, STEPS, TABLES, Reader, differing, faults_of, is_bad, next_step


def rows(*steps: int, less: int = 0, bad: int = 0) -> pa.Table:
    """Rows of steps, without the last ``less`` rows, the first ``bad`` of them bad."""
    ids = [(f"{step}-{n}", step) for step in steps for n in range(ROWS)][: len(steps) * ROWS - less]
    good = [n >= bad for n in range(len(ids))]
    return pa.table({"id": [i for i, _ in ids], "step": pa.array([s for _, s in ids], pa.int32()), "good": good})


def test_whole_good_steps_are_no_fault() -> None:
    assert faults_of(rows(0, 1, 3)) == []
    assert [step for step in range(6) if is_bad(step)] == [2, 5]


def test_a_part_of_a_step_a_refused_step_and_a_bad_row_are_faults() -> None:
    assert faults_of(rows(0, less=1)) == [f"{ROWS - 1} of {ROWS} rows of step 0"]
    assert faults_of(rows(0, 2)) == ["step 2, which must be refused"]
    assert faults_of(rows(1, bad=3)) == ["3 bad rows"]


def test_a_version_that_no_audit_is_told_of_is_seen_once(tmp_path: Path) -> None:
    spec = TABLES["replace"]
    write_deltalake(str(tmp_path / spec.name), rows(0))
    reader = Reader(tmp_path)
    reader.poll()
    reader.poll()
    assert (reader.polls, reader.versions) == (2, {(spec.name, 0)})
    assert reader.wrong == [f"{spec.name} 0: its commit has no audit"]
    write_deltalake(str(tmp_path / spec.name), rows(1, bad=1), mode="overwrite")
    reader.poll()
    assert sum("1 bad rows" in fault for fault in reader.wrong) == 3  # the client's reader, Delta's, and the version


def test_the_next_step_is_one_that_no_table_has(tmp_path: Path) -> None:
    assert next_step(tmp_path) == 0
    write_deltalake(str(tmp_path / TABLES["append"].name), rows(0))
    assert next_step(tmp_path) == 1
    write_deltalake(str(tmp_path / TABLES["replace"].name), rows(1))
    assert next_step(tmp_path) == 3  # the second is a bad one
    write_deltalake(str(tmp_path / TABLES["replace"].name), rows(STEPS - 2), mode="overwrite")
    assert next_step(tmp_path) >= STEPS


def test_tables_are_held_against_what_nobody_disturbed(tmp_path: Path) -> None:
    good = [step for step in range(STEPS) if not is_bad(step)]
    for mode, spec in TABLES.items():
        write_deltalake(str(tmp_path / spec.name), rows(*(good[-1:] if mode == "replace" else good)))
    assert differing(tmp_path) == []
    write_deltalake(str(tmp_path / TABLES["append"].name), rows(*good, less=1), mode="overwrite")
    assert differing(tmp_path) == [TABLES["append"].name]
