"""Definition fields that determine value state, as columns.

They are constants of one definition, or fields of a column that picks one of several by number. One expression then
gives the states of all of them, and its size does not grow with their number.
"""

from collections.abc import Mapping, Sequence
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
    def from_definition(cls, definition: Definition) -> Self:
        """The fields of one definition, as constants."""
        row = _fields(definition)
        return cls(**{name: F.expr(_literal(row[name], kind)) for name, kind in _TYPES.items()})

    @classmethod
    def from_struct(cls, struct: str) -> Self:
        """The fields of the definition in a column that ``definition_struct`` made."""
        return cls(**{name: F.col(f"{struct}.{name}") for name in _TYPES})


def definition_struct(definitions: Sequence[Definition], number: Column) -> Column:
    """The fields of the definition with a number, from 0 on. struct."""
    structs = [_struct_literal(_fields(definition)) for definition in definitions]
    return F.get(F.expr(f"array({', '.join(structs)})"), number)


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


def _struct_literal(row: Mapping[str, str | int | float | bool | None]) -> str:
    fields = [f"'{name}', {_literal(row[name], kind)}" for name, kind in _TYPES.items()]
    return f"named_struct({', '.join(fields)})"


def _literal(value: str | int | float | bool | None, kind: str) -> str:
    """SQL of a value; names and hashes hold no quote."""
    text = "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value).upper()
    return f"CAST({text} AS {kind})"
