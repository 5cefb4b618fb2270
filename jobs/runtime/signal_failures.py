"""Signals that fail alone: which of them failed and why, and what the published values of each hold."""

import re
from collections.abc import Callable, Mapping, Sequence

from pyspark.sql import DataFrame

from jobs.runtime.published_signals import PublishedSignals
from jobs.runtime.run_context import RunContext
from longplay.definitions.signal import Definition
from longplay.errors import QualityError, SignalError
from longplay.lookup.signal_failures import SignalFailure, read_signal_failures
from quality.signal_values.gate import SignalGateError
from tables.catalog import SIGNAL_FAILURES
from tables.publish import Lineage
from tables.spark import SPARK_ERRORS, describe_spark_error, is_unrelated_to_computation

Reasons = Mapping[str, str]
"""Why signals failed, by pinned name."""
_QUOTED, _PATH = re.compile(r"'[^']*'|\"[^\"]*\""), re.compile(r"(?:\w+:)?/[\w.%@+=-]+(?:/[\w.%@+=-]+)+")


def publish_isolating_failures(
    definitions: Sequence[Definition],
    publish: Callable[[Sequence[Definition]], None],
    compute: Callable[[Sequence[Definition]], None],
    report: Callable[[str], None],
    may_all_fail: bool = False,
) -> Reasons:
    """Publish signals together; if that fails because of some of them, publish the others.

    Args:
        definitions: the signals.
        publish: publishes the values of some signals.
        compute: computes the values of some signals and drops them.
        report: shows a line to the person who runs the step.
        may_all_fail: whether the signals are the cause even where every one of them fails; else the error is raised,
            because its cause lies elsewhere, such as in the data. A fault of the machine is always raised.

    Returns:
        Why signals failed, by pinned name; empty where none did.
    """
    try:
        publish(definitions)
    except SignalGateError as error:
        reasons = {d.ref: error.reasons[d.ref] for d in definitions if d.ref in error.reasons}
        if not _is_explained_by(reasons, definitions, may_all_fail):
            raise
        report(f"{', '.join(reasons)} failed: {error.fix}")
    except QualityError as error:
        if not may_all_fail or len(definitions) > 1:
            raise
        reasons = {definitions[0].ref: " ".join(error.got.split())}
    except SPARK_ERRORS as error:
        reasons = {} if is_unrelated_to_computation(error) else _find_failing(definitions, compute)
        if not _is_explained_by(reasons, definitions, may_all_fail):
            raise
    else:
        return {}
    others = [definition for definition in definitions if definition.ref not in reasons]
    rest = publish_isolating_failures(others, publish, compute, report, may_all_fail) if others else {}
    return {**reasons, **rest}


def _is_explained_by(reasons: Reasons, definitions: Sequence[Definition], may_all_fail: bool) -> bool:
    """Whether the failures of single signals explain that all of them could not be published."""
    return bool(reasons) and (may_all_fail or len(reasons) < len(definitions))


def _find_failing(definitions: Sequence[Definition], compute: Callable[[Sequence[Definition]], None]) -> dict[str, str]:
    """The signals that Spark cannot compute, by halving: few computations where few signals fail."""
    try:
        compute(definitions)
    except SPARK_ERRORS as error:
        if is_unrelated_to_computation(error):
            raise
        if len(definitions) == 1:
            return {definitions[0].ref: _hide_values(describe_spark_error(error))}
        half = len(definitions) // 2
        return {**_find_failing(definitions[:half], compute), **_find_failing(definitions[half:], compute)}
    return {}


def _hide_values(text: str) -> str:
    """A message of Spark without quoted values and paths: the reason is published, and served to others."""
    return _PATH.sub("...", _QUOTED.sub("...", text))


def compute_and_discard(rows: DataFrame) -> None:
    """Compute every row and discard it."""
    rows.write.format("noop").mode("overwrite").save()


def publish_failures(
    context: RunContext, definitions: Sequence[Definition], reasons: Reasons, published: PublishedSignals
) -> None:
    """Publish which signals failed in this run, unless the table says the same already.

    Args:
        context: the run.
        definitions: all signals that shall have values.
        reasons: why some of them failed, by pinned name.
        published: the signals that had published values before this run.

    Raises:
        SignalError: when a signal failed, after everything else was published.
    """
    before = read_signal_failures(context.folder)
    failures = [
        SignalFailure(
            signal=definition.ref,
            definition_hash=definition.hash,
            owner=definition.owner,
            reason=reasons[definition.ref],
            failed_at=before[definition.ref].failed_at if definition.ref in before else context.log.known_at(),
            watermark=published.watermarks.get(definition.ref),
        )
        for definition in sorted(definitions, key=lambda definition: definition.ref)
        if definition.ref in reasons
    ]
    if before != {failure.signal: failure for failure in failures}:
        rows = [{name: getattr(failure, name) for name in SIGNAL_FAILURES.column_names()} for failure in failures]
        context.tables.publish_rows(SIGNAL_FAILURES.name, rows, Lineage(context.run_id, context.run_id))
    if failures:
        raise _error_of(failures, len(definitions))


def _error_of(failures: Sequence[SignalFailure], signals: int) -> SignalError:
    return SignalError(
        f"{len(failures)} of {signals} signals failed; the values of the others were published.",
        where="table signal_values",
        got="\n         ".join(failure.text() for failure in failures),
        fix="tell the owners; the next run computes a corrected version alone, and tries these again",
    )
