"""Validation of a publication: its measurements, their expectations, and the verdict of great-expectations on them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from quality.expectations import (
    Expectation,
    expect_measures,
    expect_query_results,
    expect_shapes,
    expect_valid_rows,
)
from quality.gx.validate_metrics import DataDocs, validate_metrics
from quality.measure.profile import PublicationProfile, count_repeated_rows, profile_publication
from quality.measure.queries import TableReader, run_queries
from quality.measure.sample import Shapes, draw_sample, measure_shapes
from quality.publication_history import PublicationHistory
from tables.checks import GRAIN, Sampled
from tables.spec import TableSpec


@dataclass(frozen=True)
class Measurements:
    """Everything measured of a publication.

    Attributes:
        profile: its counts.
        repeated_rows: rows beyond the first of each grain.
        shapes: of its sample.
        query_results: of the checks that need a job of their own, by name.
    """

    profile: PublicationProfile
    repeated_rows: int
    shapes: Shapes
    query_results: Mapping[str, float]

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows, violations by rule, and repeated rows."""
        return {"rows": self.profile.rows, **self.profile.violations, GRAIN: self.repeated_rows}

    def expectations(self, spec: TableSpec, history: PublicationHistory) -> list[Expectation]:
        """Every measured number with the interval in which it must lie."""
        return [
            *expect_valid_rows(spec, self.row_counts),
            *expect_measures(spec, self.profile, history),
            *expect_shapes(spec, self.shapes, history),
            *expect_query_results(spec, self.query_results),
        ]


def measure(
    frame: DataFrame,
    spec: TableSpec,
    history: PublicationHistory,
    read: TableReader | None = None,
    few_rows: pa.Table | None = None,
) -> Measurements:
    """Measure rows: a Spark job each for profile, grain, sample, and every query, reference or leak.

    Args:
        frame: the rows.
        spec: their table.
        history: what their shapes are compared with.
        read: reads other tables.
        few_rows: the same rows in memory, if they are few; their grain needs no job.
    """
    profile = profile_publication(frame, spec, are_few=few_rows is not None)
    sample = draw_sample(frame, spec, profile.rows)
    sampled_checks = [check for check in spec.checks if isinstance(check, Sampled)]
    shapes = measure_shapes(sample, sampled_checks, history.memories) if sample is not None else Shapes()
    repeated_rows = count_repeated_rows(frame, spec, profile.rows, few_rows)
    return Measurements(profile, repeated_rows, shapes, run_queries(frame, spec, read, profile))


def validate(
    measurements: Measurements, spec: TableSpec, history: PublicationHistory, data_docs: DataDocs | None = None
) -> tuple[dict[str, Any], list[Expectation]]:
    """Let great-expectations validate the measurements; return the verdict and the failed expectations."""
    validation = validate_metrics(spec.name, measurements.expectations(spec, history), data_docs)
    verdict = {
        "table": spec.name,
        "profile": measurements.row_counts,
        "checks": validation.checks,
        "days": measurements.profile.days,
        "shapes": asdict(measurements.shapes),
        "numbers": validation.numbers,
        "great_expectations": validation.result,
    }
    return verdict, validation.failed
