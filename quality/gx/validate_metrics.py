"""Validates measured numbers with great-expectations: it keeps the suite, gives the verdict and renders the result."""

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


def validate_metrics(
    table: str, expectations: Sequence[Expectation], data_docs: DataDocs | None = None
) -> dict[str, Any]:
    """Validate one row of numbers, with one great-expectations expectation per number.

    Args:
        table: name of the suite.
        expectations: the numbers and their intervals.
        data_docs: where to keep and render suite and result; None: nowhere.

    Returns:
        The result of great-expectations as JSON.
    """
    gx = import_gx()
    context = _open_context(gx, data_docs)
    frames = context.data_sources.add_or_update_pandas(table).add_dataframe_asset(table)
    batch = frames.add_batch_definition_whole_dataframe("profile")
    suite = gx.ExpectationSuite(name=table, expectations=[_to_gx(gx, expectation) for expectation in expectations])
    suite = context.suites.add_or_update(suite)
    definition = gx.ValidationDefinition(name=table, data=batch, suite=suite)
    definition = context.validation_definitions.add_or_update(definition)
    numbers = {"dataframe": pd.DataFrame([{expectation.column: expectation.value for expectation in expectations}])}
    if data_docs is None:
        return dict(definition.run(batch_parameters=numbers, result_format="BASIC").to_json_dict())
    render = gx.checkpoint.UpdateDataDocsAction(name="pages")
    checkpoint = gx.Checkpoint(name=table, validation_definitions=[definition], actions=[render], result_format="BASIC")
    checkpoint = context.checkpoints.add_or_update(checkpoint)
    run = checkpoint.run(batch_parameters=numbers, run_id=gx.RunIdentifier(run_name=data_docs.run_id))
    (result,) = run.run_results.values()
    return dict(result.to_json_dict())


def _open_context(gx: Any, data_docs: DataDocs | None) -> Any:
    if data_docs is None:
        return hide_progress(gx.get_context(mode="ephemeral"))
    data_docs.folder.mkdir(parents=True, exist_ok=True)
    return hide_progress(gx.get_context(mode="file", project_root_dir=data_docs.folder))


def _to_gx(gx: Any, expectation: Expectation) -> Any:
    return gx.expectations.ExpectColumnValuesToBeBetween(
        column=expectation.column,
        min_value=expectation.low,
        max_value=expectation.high,
        meta={"rule": expectation.check},
    )


def passed_by_check(result: dict[str, Any]) -> dict[str, bool]:
    """Say for each check whether all of its expectations passed."""
    passed: dict[str, bool] = {}
    for outcome in result["results"]:
        check = outcome["expectation_config"]["meta"]["rule"]
        passed[check] = passed.get(check, True) and bool(outcome["success"])
    return passed


def failed_expectations(result: dict[str, Any], expectations: Sequence[Expectation]) -> list[Expectation]:
    """Select the expectations that failed in a result of ``validate_metrics``."""
    failed_columns = {
        outcome["expectation_config"]["kwargs"]["column"] for outcome in result["results"] if not outcome["success"]
    }
    return [expectation for expectation in expectations if expectation.column in failed_columns]
