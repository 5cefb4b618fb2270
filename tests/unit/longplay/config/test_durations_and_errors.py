"""Durations with units, and errors that say four things."""

from datetime import timedelta

import pytest

import longplay.errors as errors
from longplay.config.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "value", "shortest"),
    [
        ("0 s", timedelta(0), "0 s"),
        ("90 s", timedelta(seconds=90), "90 s"),
        ("120s", timedelta(minutes=2), "2 min"),
        (" 24 h ", timedelta(days=1), "1 d"),
        ("36 h", timedelta(hours=36), "36 h"),
        ("-5 min", timedelta(minutes=-5), "-5 min"),
        ("180 d", timedelta(days=180), "180 d"),
    ],
)
def test_durations_are_read_and_written_shortest(text: str, value: timedelta, shortest: str) -> None:
    assert parse_duration(text) == value
    assert format_duration(value) == shortest
    assert parse_duration(shortest) == value


@pytest.mark.parametrize("text", ["", "5", "d", "1.5 h", "1 week", "1 d 2 h", "5 m", None, 7])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="write a whole number and a unit"):
        parse_duration(text)


def test_an_error_renders_only_what_it_has() -> None:
    error = errors.InputError("What.", where="a.csv", got="x", fix="mend it")
    assert error.render() == "What.\n  where: a.csv\n  found: x\n  fix:   mend it"
    assert str(error) == error.render()
    assert errors.InputError("What.").render() == "What."


def test_every_class_has_an_exit_code_of_its_own() -> None:
    classes = errors.LongplayError.__subclasses__()
    codes = {cls.__name__: cls.exit_code for cls in classes}
    assert len(set(codes.values()) | {0, 1}) == len(codes) + 2, codes


def test_first_line_of_a_foreign_error() -> None:
    assert errors.first_line(ValueError("\n one\ntwo")) == "one"
    assert errors.first_line(ValueError()) == "ValueError"
