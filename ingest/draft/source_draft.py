"""Drafts a source file from a look at a raw log: what was guessed beside its evidence, the rest as questions."""

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from ingest.draft.evidence import ColumnEvidence, examine
from ingest.draft.roles import UNITS, Guess, find_key, guess_roles, sort_kinds, words_of
from ingest.draft.sample import Sample

QUESTION = "QUESTION"
_REQUIRED = {
    "user": "whose events are these? Leave the key out if the log has no users",
    "item": "what were they about?",
    "time": "when did it happen?",
}


@dataclass(frozen=True)
class SourceDraft:
    """The text of a source file, and what is left to decide.

    Attributes:
        text: YAML. While a question about a required key is open, Longplay refuses the file.
        guessed: the keys that were guessed.
        questions: what could not be guessed.
    """

    text: str
    guessed: tuple[str, ...]
    questions: tuple[str, ...]


def draft_source(name: str, sample: Sample) -> SourceDraft:
    """Draft the source file of the log that a sample was taken from."""
    columns = examine(sample.rows)
    guesses = guess_roles(columns)
    writer = _Writer(columns)
    writer.line(f"name: {name}")
    writer.line("about: >", "what the log holds, for readers of the report")
    writer.line(f"  {len(columns)} columns: {', '.join(column.name for column in columns)}.")
    format_text = yaml.safe_dump(
        dict(sample.file_format), default_flow_style=True, sort_keys=False, width=1_000
    ).strip()
    writer.line(f"format: {format_text}", "; ".join(f"{key}: {why}" for key, why in sample.evidence.items()))
    if "columns" in sample.evidence:
        writer.ask("what are the columns called?")
    if "time" in guesses and not guesses["time"].column.has_zone and not _is_unix(guesses["time"].column):
        writer.line("time_zone: UTC")
        writer.ask("times name no zone: in which zone are they? Write it as time_zone, such as Europe/Paris")
    writer.line("events:")
    _write_events(writer, guesses, columns, sample)
    writer.line("candidates: {per_request: 10, uniform_share: 0.5, seed: 7}", "if the log has no exposures")
    return SourceDraft("\n".join(writer.lines) + "\n", tuple(writer.guessed), tuple(writer.questions))


class _Writer:
    """Collects the lines of a source file, and what was guessed and asked."""

    def __init__(self, columns: Sequence[ColumnEvidence]) -> None:
        self.lines: list[str] = []
        self.guessed: list[str] = []
        self.questions: list[str] = []
        self._names = ", ".join(column.name for column in columns)

    def line(self, text: str, comment: str = "") -> None:
        self.lines.append(f"{text}  # {comment}" if comment else text)

    def guess(self, key: str, value: str, why: str) -> None:
        self.guessed.append(key)
        self.line(f"  {key}: {value}", why)

    def ask(self, question: str, key: str = "") -> None:
        self.questions.append(f"{key}: {question}" if key else question)
        self.line(f"  # {QUESTION}: {question}" + (f" Columns: {self._names}" if key else ""))


def _is_unix(column: ColumnEvidence) -> bool:
    return column.form.startswith("unix")


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_flow_style=True, width=1_000).removesuffix("\n...\n").strip()


def _write_events(
    writer: _Writer, guesses: dict[str, Guess], columns: Sequence[ColumnEvidence], sample: Sample
) -> None:
    for role in ("user", "item"):
        if role in guesses:
            writer.guess(role, _quoted(guesses[role].column.name), guesses[role].why)
        else:
            writer.ask(_REQUIRED[role], role)
    _write_time(writer, guesses.get("time"))
    if "known" in guesses:
        writer.guess("known", _time_keys(guesses["known"].column), guesses["known"].why)
    for role in ("topic", "request", "surface"):
        if role in guesses:
            writer.guess(role, _quoted(guesses[role].column.name), guesses[role].why)
    if (key := find_key(columns)) is not None:
        writer.guess("key", f"[{_quoted(key.name)}]", "no value occurs twice")
    _write_kinds(writer, guesses.get("kind"), sample)
    _write_amount(writer, guesses.get("amount"))


def _write_time(writer: _Writer, guess: Guess | None) -> None:
    if guess is None:
        writer.ask(_REQUIRED["time"], "time")
        return
    writer.guess("time", _time_keys(guess.column), guess.why)
    if guess.column.form.startswith("MM/dd"):
        writer.ask("does the month come first in these dates, or the day?")


def _time_keys(column: ColumnEvidence) -> str:
    form = "" if column.form == "iso" else f", format: {_quoted(column.form)}"
    return f"{{column: {_quoted(column.name)}{form}}}"


def _write_kinds(writer: _Writer, guess: Guess | None, sample: Sample) -> None:
    if guess is None:
        writer.guess("kind", "{constant: event}", "no column names a kind: every row is one event")
        kinds = consumed = clicked = ["event"]
        rejected: list[str] = []
    else:
        values = sample.rows[guess.column.name].dropna().map(str).str.strip()
        kinds = sorted(set(values[values != ""]))
        writer.guess("kind", f"{{column: {_quoted(guess.column.name)}}}", guess.why)
        consumed, clicked, rejected = sort_kinds(kinds)
    writer.guess("kinds", _list(kinds), "those of the rows that were looked at; others are quarantined")
    for key, chosen, meaning in (
        ("consumption", consumed, "which kinds mean that an item was consumed?"),
        ("click", clicked, "which kinds are a response to what was shown?"),
    ):
        if chosen:
            writer.guess(key, f"{{kinds: {_list(chosen)}}}", "by their names" if guess else "")
        else:
            writer.ask(meaning, key)
    if rejected:
        writer.guess("negative", f"{{kinds: {_list(rejected)}}}", "by their names")


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, values))}]"


def _write_amount(writer: _Writer, guess: Guess | None) -> None:
    if guess is None:
        writer.guess("amount", "{constant: 1, unit: events}", "no column seems to say how much")
        return
    unit = next((UNITS[word] for word in words_of(guess.column.name) if word in UNITS), "")
    writer.guess("amount", f"{{column: {_quoted(guess.column.name)}, unit: {unit or 'units'}}}", guess.why)
    if not unit:
        writer.ask("in which unit is the amount? Signals that measure seconds need 's'")
