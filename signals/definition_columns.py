"""Definition fields that determine value state, as columns.

They are constants of one definition, or picked by number among several. One expression, whose size does not grow with
the number of signals, then gives the states of all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from pyspark.sql import Column
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow

_MICRO = timedelta(microseconds=1)


@dataclass(frozen=True)
class DefinitionColumns:
    """The fields of a signal's definition.

    Attributes:
        signal: pinned name.
        definition_hash: the definition's identity.
        is_calendar: whether the window starts from the midnight of the anchor's day, not from t0.
        start_us: start of the window, microseconds after that.
        end_us: end of the window, microseconds after that.
        lateness_us: lateness allowance in microseconds.
        look_back_us: how far the log must reach back before the anchor; null: not at all.
        baseline_us: length of the baseline before the anchor; null: there is none.
        credit_us: how long after the anchor a response earns credit; null: no credit is needed.
        outage: whether an outage in what the value is read from voids it.
        settles_early: whether an event settles the value in spite of an outage.
        undefined: void reason if there is no value at maturity; null: there always is one.
        observed_upto: the event happened if the value is at most this; null: if it is above 0.
    """

    signal: Column
    definition_hash: Column
    is_calendar: Column
    start_us: Column
    end_us: Column
    lateness_us: Column
    look_back_us: Column
    baseline_us: Column
    credit_us: Column
    outage: Column
    settles_early: Column
    undefined: Column
    observed_upto: Column

    @classmethod
    def from_definitions(cls, definitions: Sequence[Definition], number: Column | None = None) -> Self:
        """The fields of the definition with a number, from 0 on, or of the only definition."""
        rows = [_fields(definition) for definition in definitions]
        columns = {}
        for name, kind in _TYPES.items():
            literals = [f"CAST({_literal(row[name])} AS {kind})" for row in rows]
            by_number = F.expr(f"array({', '.join(literals)})")
            columns[name] = F.expr(literals[0]) if number is None else F.get(by_number, number)
        return cls(**columns)


_TYPES = {
    "signal": "string", "definition_hash": "string", "is_calendar": "boolean", "start_us": "bigint", "end_us": "bigint",
    "lateness_us": "bigint", "look_back_us": "bigint", "baseline_us": "bigint", "credit_us": "bigint",
    "outage": "boolean", "settles_early": "boolean", "undefined": "string", "observed_upto": "double",
}  # fmt: skip


def _fields(definition: Definition) -> dict[str, str | int | float | bool | None]:
    window, void, measure = definition.window, definition.void, definition.measure
    is_calendar = isinstance(window, CalendarWindow)
    if isinstance(window, CalendarWindow):
        start, end = window.first * DAY, (window.last + 1) * DAY
    else:
        start, end = window.start, window.end
    undefined = "undefined" if void.at_least is None else "too_few_facts"
    return {
        "signal": definition.ref,
        "definition_hash": definition.hash,
        "is_calendar": is_calendar,
        "start_us": start // _MICRO,
        "end_us": end // _MICRO,
        "lateness_us": definition.lateness // _MICRO,
        "look_back_us": void.look_back // _MICRO if void.look_back is not None else None,
        "baseline_us": definition.baseline // _MICRO if definition.baseline is not None else None,
        "credit_us": definition.credit.within // _MICRO if definition.credit is not None else None,
        "outage": void.outage,
        "settles_early": void.settles == "early",
        "undefined": undefined if measure.is_expression else None,
        "observed_upto": measure.last_observed_value(window.day_count),
    }


def _literal(value: str | int | float | bool | None) -> str:
    """SQL of a value; names and hashes hold no quote."""
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str) else str(value).upper()
