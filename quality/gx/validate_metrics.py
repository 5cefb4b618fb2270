"""Validates measured numbers with great-expectations: it gives the verdict, keeps suites and renders Data Docs.

The numbers are the rows of one frame, each beside its interval, and two expectations compare all of them at once. One
expectation per number would cost time that grows with the square of their count. Results and pages name each number
that failed, with its interval; the verdict of the gate has all numbers.
"""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from quality.expectations import Expectation

_FAILED_ROWS = "unexpected_index_list"
# All failing numbers are listed, by name and with their intervals; results and pages would list twenty otherwise.
_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["column", "interval"],
    "partial_unexpected_count": 1_000_000,
}


def import_gx() -> Any:
    """Import great-expectations with its analytics off. The import takes seconds, so only validation does it."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx

    return gx


def hide_progress(context: Any) -> Any:
    """Turn off the progress bars of a context."""
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


@dataclass(frozen=True)
class DataDocs:
    """Where great-expectations keeps suites, results and Data Docs (pages to browse), and the run's name there."""

    folder: Path
    run_id: str


@dataclass(frozen=True)
class MetricVerdict:
    """The verdict of great-expectations on measured numbers.

    Attributes:
        failed: expectations that failed, in their order.
        checks: for each check, whether all of its expectations passed.
        numbers: each measured number with its interval, by column.
        result: the result of great-expectations as JSON.
    """

    failed: list[Expectation]
    checks: dict[str, bool]
    numbers: dict[str, dict[str, float | None]]
    result: dict[str, Any]


def validate_metrics(
    table: str, expectations: Sequence[Expectation], data_docs: DataDocs | None = None
) -> MetricVerdict:
    """Validate measured numbers. Those that are missing (NaN) pass.

    Args:
        table: name of the suite that is kept.
        expectations: the numbers and their intervals.
        data_docs: where to keep and render suite and result; None: nowhere.
    """
    rows = [(e.column, f"{e.low} to {e.high}", e.low, e.value, e.high) for e in expectations]
    frame = pd.DataFrame(rows, columns=["column", "interval", "low", "value", "high"])
    frame = frame.astype({"low": float, "value": float, "high": float})  # a missing limit is NaN, which is no limit
    result = _validate(frame) if data_docs is None else _render(table, frame, data_docs)
    failed_columns = {row["column"] for outcome in result["results"] for row in outcome["result"].get(_FAILED_ROWS, ())}
    failed = [expectation for expectation in expectations if expectation.column in failed_columns]
    checks = {expectation.check: True for expectation in expectations} | {failure.check: False for failure in failed}
    numbers = {e.column: {"value": e.value, "low": e.low, "high": e.high} for e in expectations}
    return MetricVerdict(failed, checks, numbers, result)


def _validate(numbers: pd.DataFrame) -> dict[str, Any]:
    validation = _open_validation().run(batch_parameters={"dataframe": numbers}, result_format=_RESULT_FORMAT)
    return dict(validation.to_json_dict())


@functools.cache
def _open_validation() -> Any:
    """The validation without pages. It is the same for every table, so it is built only once."""
    gx = import_gx()
    return _define_validation(gx, hide_progress(gx.get_context(mode="ephemeral")), "numbers")


def _render(table: str, numbers: pd.DataFrame, data_docs: DataDocs) -> dict[str, Any]:
    """Validate, keep suite and result, and render their pages."""
    gx = import_gx()
    data_docs.folder.mkdir(parents=True, exist_ok=True)
    context = hide_progress(gx.get_context(mode="file", project_root_dir=data_docs.folder))
    checkpoint = gx.Checkpoint(
        name=table,
        validation_definitions=[_define_validation(gx, context, table)],
        actions=[gx.checkpoint.UpdateDataDocsAction(name="pages")],
        result_format=_RESULT_FORMAT,
    )
    checkpoint = context.checkpoints.add_or_update(checkpoint)
    run_id = gx.RunIdentifier(run_name=data_docs.run_id)
    (result,) = checkpoint.run(batch_parameters={"dataframe": numbers}, run_id=run_id).run_results.values()
    return dict(result.to_json_dict())


def _define_validation(gx: Any, context: Any, name: str) -> Any:
    """Define that each value lies between its limits."""
    frames = context.data_sources.add_or_update_pandas(name).add_dataframe_asset(name)
    batch = frames.add_batch_definition_whole_dataframe("profile")
    at_least = functools.partial(
        gx.expectations.ExpectColumnPairValuesAToBeGreaterThanB, or_equal=True, ignore_row_if="either_value_is_missing"
    )
    limits = [at_least(column_A="value", column_B="low"), at_least(column_A="high", column_B="value")]
    suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=limits))
    definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
    return context.validation_definitions.add_or_update(definition)
