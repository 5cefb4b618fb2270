"""Which published values stay, go, or are stale, as the commit of the values says."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from py4j.protocol import Py4JError

from jobs.build_signals import ValuePlan
from jobs.runtime.published_signals import PublishedSignals, signals_condition
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_failures import Reasons, publish_isolating_failures
from longplay.definitions.signal import Definition
from longplay.errors import QualityError
from quality.signal_values.gate import SignalGateError
from tests.reference.definitions_beyond import other
from tests.reference.records import at


@dataclass(frozen=True)
class IncrementStub:
    """The part of an increment that decides what is removed."""

    checkpoint: object | None
    recipe: Any = None


OLD, NEW, ALONE = other("habit"), other("habit", version=2), other("alone")
COMMIT = {
    "definitions": {OLD.ref: OLD.hash, ALONE.ref: ALONE.hash}, "stale": {"lost@1": at("1 Mar").isoformat()},
    "batch": 3, "frontier": at("5 Mar").isoformat(),
}  # fmt: skip


def read(facts: dict[str, Any]) -> PublishedSignals:
    store = SimpleNamespace(commit_metadata=lambda _: {"facts": facts} if facts else {})
    return PublishedSignals.read(cast("RunContext", SimpleNamespace(store=store, folder=Path())))


def test_the_commit_says_what_is_up_to_date_and_what_is_stale() -> None:
    published = read(COMMIT)
    assert published.watermarks == {"lost@1": at("1 Mar"), OLD.ref: at("5 Mar"), ALONE.ref: at("5 Mar")}
    assert published.stale_facts(["lost@1"]) == COMMIT["stale"]
    assert published.have_definitions([OLD, ALONE])
    assert not published.have_definitions([OLD, NEW])
    assert read({}) == PublishedSignals({}, {})
    before = {key: value for key, value in COMMIT.items() if key != "stale"}  # as earlier versions wrote it
    assert read(before).names == {OLD.ref, ALONE.ref}


def test_an_older_version_stays_until_the_newer_one_can_be_computed() -> None:
    published, wanted = read(COMMIT), [NEW, ALONE]
    assert published.outdated(wanted, [NEW, ALONE]) == {OLD.ref, "lost@1"}
    assert published.outdated(wanted, [ALONE]) == {"lost@1"}
    assert published.predecessors({NEW.ref}, {OLD.ref: OLD, NEW.ref: NEW}) == [OLD]
    assert published.predecessors({ALONE.ref}, {OLD.ref: OLD, ALONE.ref: ALONE}) == []
    assert published.predecessors({NEW.ref}, {}) == []


@pytest.mark.parametrize(
    ("computed", "is_increment", "replaced"),
    [
        ([NEW, ALONE], True, "(NOT settled OR signal IN ('habit@1', 'lost@1'))"),
        ([OLD, ALONE], True, "(NOT settled OR signal IN ('lost@1'))"),
        ([OLD], True, "(NOT settled OR signal IN ('lost@1')) AND NOT (signal IN ('alone@1'))"),
        ([ALONE], False, "NOT (signal IN ('habit@1'))"),
        ([NEW, ALONE], False, "everything"),
    ],
)
def test_what_a_publication_removes(computed: list[Definition], is_increment: bool, replaced: str) -> None:
    inputs = SimpleNamespace(select=lambda definitions: SimpleNamespace(definitions=definitions, recipe={}))
    increment = IncrementStub(object() if is_increment else None)
    plan = ValuePlan(cast("Any", inputs), cast("Any", increment), cast("Any", None), [NEW, ALONE])
    assert plan.select(computed, read(COMMIT)).replaced == replaced


def test_signals_are_named_in_sql() -> None:
    assert signals_condition({"b@1", "a@2"}) == "signal IN ('a@2', 'b@1')"


FIRST, SECOND, THIRD = (other(name) for name in ("first", "second", "third"))


def publish_and_record(
    failing: dict[str, Exception], *, together: Exception | None = None, may_all_fail: bool = False
) -> tuple[Reasons, list[list[str]]]:
    """Publish three signals, of which some fail: why, and every publication that was tried."""
    tried: list[list[str]] = []

    def fail(definitions: Any, record: bool) -> None:
        names = [definition.name for definition in definitions]
        if record:
            tried.append(names)
        for name in names:
            if name in failing:
                raise failing[name]
        if together is not None and record and len(names) > 1:
            raise together

    reasons = publish_isolating_failures(
        [FIRST, SECOND, THIRD], lambda d: fail(d, True), lambda d: fail(d, False), print, may_all_fail
    )
    return reasons, tried


def test_signals_that_spark_cannot_compute_are_left_out() -> None:
    message = "[DIVIDE_BY_ZERO] in /srv/tables/x of 'u17'"
    reasons, tried = publish_and_record({"second": Py4JError(message)})
    assert reasons == {SECOND.ref: "[DIVIDE_BY_ZERO] in ... of ..."}
    assert tried == [["first", "second", "third"], ["first", "third"]]


def test_the_gate_names_the_signals_that_fail() -> None:
    refused = SignalGateError({"first@1": "bounds", "third@1": "bounds"}, where="w", got="g", fix="f")
    assert publish_and_record({"first": refused}) == (
        {"first@1": "bounds", "third@1": "bounds"}, [["first", "second", "third"], ["second"]],
    )  # fmt: skip


@pytest.mark.parametrize("message", ["No space left on device", "Permission denied", "Answer from Java side is empty"])
def test_a_fault_of_the_machine_is_nobodys(message: str) -> None:
    with pytest.raises(Py4JError, match=message):
        publish_and_record({"second": Py4JError(message)}, may_all_fail=True)


def test_where_all_fail_the_cause_lies_elsewhere_unless_others_are_published() -> None:
    failing: dict[str, Exception] = {name: Py4JError("[BROKEN]") for name in ("first", "second", "third")}
    with pytest.raises(Py4JError):
        publish_and_record(failing)
    reasons, tried = publish_and_record(failing, may_all_fail=True)
    assert (set(reasons), len(tried)) == ({"first@1", "second@1", "third@1"}, 1)
    with pytest.raises(Py4JError, match="together"):
        publish_and_record({}, together=Py4JError("together"))
    with pytest.raises(QualityError, match="contract"):
        publish_and_record({"first": QualityError("contract")}, may_all_fail=True)
    alone = publish_isolating_failures([FIRST], raise_contract, raise_contract, print, may_all_fail=True)
    assert alone == {"first@1": "null_t0: 3 rows"}


def raise_contract(_: Any) -> None:
    raise QualityError("The gate of 'signal_values' failed", got="null_t0: 3 rows")
