"""great-expectations judges: it holds the suite, gives the verdict, and keeps the result."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from quality.expectations import Expected


def import_gx() -> Any:
    """great-expectations, which costs seconds, so only when something is judged; its analytics are off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx

    return gx


def quiet(context: Any) -> Any:
    """A context that shows no progress."""
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


@dataclass(frozen=True)
class Docs:
    """Where great-expectations keeps suites, results and its Data Docs (pages to browse), and the run's name there."""

    folder: Path
    run_id: str


def judge_numbers(table: str, expected: Sequence[Expected], docs: Docs | None = None) -> dict[str, Any]:
    """Let it judge one row of numbers: an expectation a number. Gives its result as JSON.

    Args:
        table: name of the suite.
        expected: the numbers and their intervals.
        docs: where to keep suite and result and to render both; None: nowhere.
    """
    gx = import_gx()
    if docs is not None:
        docs.folder.mkdir(parents=True, exist_ok=True)
    kept = {"mode": "file", "project_root_dir": docs.folder} if docs else {"mode": "ephemeral"}
    context = quiet(gx.get_context(**kept))
    batches = context.data_sources.add_or_update_pandas(table).add_dataframe_asset(table)
    batch = batches.add_batch_definition_whole_dataframe("profile")
    suite = gx.ExpectationSuite(name=table, expectations=[_expectation(gx, one) for one in expected])
    suite = context.suites.add_or_update(suite)
    definition = gx.ValidationDefinition(name=table, data=batch, suite=suite)
    definition = context.validation_definitions.add_or_update(definition)
    told = {"dataframe": pd.DataFrame([{one.column: one.value for one in expected}])}
    if docs is None:
        return dict(definition.run(batch_parameters=told, result_format="BASIC").to_json_dict())
    render = gx.checkpoint.UpdateDataDocsAction(name="pages")
    check = gx.Checkpoint(name=table, validation_definitions=[definition], actions=[render], result_format="BASIC")
    named = gx.RunIdentifier(run_name=docs.run_id)
    (result,) = context.checkpoints.add_or_update(check).run(batch_parameters=told, run_id=named).run_results.values()
    return dict(result.to_json_dict())


def _expectation(gx: Any, one: Expected) -> Any:
    return gx.expectations.ExpectColumnValuesToBeBetween(
        column=one.column, min_value=one.low, max_value=one.high, meta={"rule": one.check}
    )


def verdicts(result: dict[str, Any]) -> dict[str, bool]:
    """Whether each check passed: all of its expectations did."""
    checks: dict[str, bool] = {}
    for one in result["results"]:
        name = one["expectation_config"]["meta"]["rule"]
        checks[name] = checks.get(name, True) and bool(one["success"])
    return checks


def failures(result: dict[str, Any], expected: Sequence[Expected]) -> list[Expected]:
    """What was expected and is not so."""
    bad = {one["expectation_config"]["kwargs"]["column"] for one in result["results"] if not one["success"]}
    return [one for one in expected if one.column in bad]
