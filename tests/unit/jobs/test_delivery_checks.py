"""What of a whole delivery is refused, and how it is let in on purpose."""

from types import SimpleNamespace
from typing import cast

import pytest

from jobs.runtime.delivery_checks import refuse
from jobs.runtime.run_context import RunContext
from longplay.errors import QualityError

FAULTS = {"delivery.users_agree": "49 of 960 events are of another user", "delivery.requests_are_new": "151 of 3,000"}


def make_context(*accept: str) -> tuple[RunContext, list[str]]:
    warnings: list[str] = []
    settings = SimpleNamespace(quality=SimpleNamespace(accept=accept))
    reporter = SimpleNamespace(say=warnings.append)
    return cast(
        "RunContext", SimpleNamespace(settings=settings, progress=reporter, source=SimpleNamespace(name="shop"))
    ), warnings


def test_faults_of_a_delivery_are_refused_with_the_way_to_let_them_in() -> None:
    context, warnings = make_context()
    with pytest.raises(QualityError) as caught:
        refuse(context, FAULTS)
    assert caught.value.got == "49 of 960 events are of another user; 151 of 3,000"
    assert "--set quality.accept=[delivery.users_agree,delivery.requests_are_new]" in caught.value.fix
    assert warnings == []


def test_what_a_run_accepts_by_name_is_a_warning_and_the_rest_is_refused() -> None:
    context, warnings = make_context("delivery.users_agree", "events.volume")
    with pytest.raises(QualityError) as caught:
        refuse(context, FAULTS)
    assert caught.value.got == "151 of 3,000"
    assert warnings == ["warning: delivery.users_agree: 49 of 960 events are of another user"]
    refuse(make_context(*FAULTS)[0], FAULTS)
    refuse(make_context()[0], {})
