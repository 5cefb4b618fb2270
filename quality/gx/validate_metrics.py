"""Validates measured numbers with great-expectations: it gives the verdict, keeps suites and renders Data Docs.

The numbers are the rows of one frame, each beside its interval, and two expectations compare all of them at once. One
expectation per number would cost time that grows with the square of their count. Only Data Docs have one per number,
because a page must show people every interval.
"""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from quality.expectations import Expectation


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
        table: name of the suite.
        expectations: the numbers and their intervals.
        data_docs: where to keep and render suite and result; None: nowhere.
    """
    if data_docs is None:
        result = _validate_rows_of_numbers(expectations)
        failed_columns = {
            row["column"] for outcome in result["results"] for row in outcome["result"].get("unexpected_index_list", ())
        }
    else:
        result = _render(table, expectations, data_docs)
        outcomes = [outcome for outcome in result["results"] if not outcome["success"]]
        failed_columns = {outcome["expectation_config"]["kwargs"]["column"] for outcome in outcomes}
    failed = [expectation for expectation in expectations if expectation.column in failed_columns]
    checks = {expectation.check: True for expectation in expectations} | {failure.check: False for failure in failed}
    numbers = {e.column: {"value": e.value, "low": e.low, "high": e.high} for e in expectations}
    return MetricVerdict(failed, checks, numbers, result)


def _validate_rows_of_numbers(expectations: Sequence[Expectation]) -> dict[str, Any]:
    """Validate one row (column, low, value, high) per number; a missing limit is no limit."""
    rows = [(expectation.column, expectation.low, expectation.value, expectation.high) for expectation in expectations]
    numbers = pd.DataFrame(rows, columns=["column", "low", "value", "high"])
    numbers = numbers.astype({"low": float, "value": float, "high": float})
    # All failing numbers are listed, by their names; BASIC would list twenty.
    result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": ["column"]}
    validation = _open_row_validation().run(batch_parameters={"dataframe": numbers}, result_format=result_format)
    return dict(validation.to_json_dict())


@functools.cache
def _open_row_validation() -> Any:
    """The validation of rows (column, low, value, high). It is the same for every table, so it is built only once."""
    gx = import_gx()
    context = hide_progress(gx.get_context(mode="ephemeral"))
    frames = context.data_sources.add_pandas("numbers").add_dataframe_asset("numbers")
    batch = frames.add_batch_definition_whole_dataframe("profile")
    at_least = functools.partial(
        gx.expectations.ExpectColumnPairValuesAToBeGreaterThanB, or_equal=True, ignore_row_if="either_value_is_missing"
    )
    limits = [at_least(column_A="value", column_B="low"), at_least(column_A="high", column_B="value")]
    suite = context.suites.add(gx.ExpectationSuite(name="numbers", expectations=limits))
    return context.validation_definitions.add(gx.ValidationDefinition(name="numbers", data=batch, suite=suite))


def _render(table: str, expectations: Sequence[Expectation], data_docs: DataDocs) -> dict[str, Any]:
    """Validate one expectation per number, keep suite and result, and render their pages."""
    gx = import_gx()
    data_docs.folder.mkdir(parents=True, exist_ok=True)
    context = hide_progress(gx.get_context(mode="file", project_root_dir=data_docs.folder))
    frames = context.data_sources.add_or_update_pandas(table).add_dataframe_asset(table)
    batch = frames.add_batch_definition_whole_dataframe("profile")
    suite = gx.ExpectationSuite(name=table, expectations=[_to_gx(gx, expectation) for expectation in expectations])
    suite = context.suites.add_or_update(suite)
    definition = gx.ValidationDefinition(name=table, data=batch, suite=suite)
    definition = context.validation_definitions.add_or_update(definition)
    render = gx.checkpoint.UpdateDataDocsAction(name="pages")
    checkpoint = gx.Checkpoint(name=table, validation_definitions=[definition], actions=[render], result_format="BASIC")
    checkpoint = context.checkpoints.add_or_update(checkpoint)
    numbers = pd.DataFrame([{expectation.column: expectation.value for expectation in expectations}])
    run_id = gx.RunIdentifier(run_name=data_docs.run_id)
    (result,) = checkpoint.run(batch_parameters={"dataframe": numbers}, run_id=run_id).run_results.values()
    return dict(result.to_json_dict())


def _to_gx(gx: Any, expectation: Expectation) -> Any:
    return gx.expectations.ExpectColumnValuesToBeBetween(
        column=expectation.column,
        min_value=expectation.low,
        max_value=expectation.high,
        meta={"rule": expectation.check},
    )
