"""New: files that a team starts from, such as the source file of a raw log."""

from pathlib import Path

import click

from ingest.draft.sample import read_sample
from ingest.draft.source_draft import draft_source
from jobs.runtime.command_options import guarded
from longplay.errors import ConfigError, InputError


@click.group("new")
def command() -> None:
    """Write files to start from. Starts no Spark.

    Example: longplay new source --from plays.csv
    """


@command.command("source")
@click.option("--from", "log", required=True, type=click.Path(path_type=Path), help="File or folder of the raw log.")
@click.option("--name", help="Name of the source. [the file's name]")
@click.option("--out", type=click.Path(path_type=Path), help="File to write. [NAME.yaml]")
def source(log: Path, name: str | None, out: Path | None) -> None:
    """Look at a raw log and write a source file for it.

    Each guess stands beside its evidence. What the log does not say is a question in the file: answer it, then run
    'longplay ingest'. Values are only looked at, never changed.

    Example: longplay new source --from plays.csv --name podcasts
    """
    guarded(lambda: _write(log, name or _name_of(log), out))


def _name_of(log: Path) -> str:
    stem = log.name.split(".")[0].lower()
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in stem).strip("_")
    return name if name[:1].isalpha() else f"log_{name}"


def _write(log: Path, name: str, out: Path | None) -> None:
    if not log.exists():
        raise InputError("The raw log is missing.", where=str(log), got="no such file", fix="check --from")
    file = out or Path(f"{name}.yaml")
    if file.exists():
        raise ConfigError("This file already exists.", where=str(file), fix="edit it, or choose another with --out")
    sample = read_sample(log)
    draft = draft_source(name, sample)
    file.write_text(draft.text, encoding="utf-8")
    others = f", the largest of {sample.others + 1} files" if sample.others else ""
    click.echo(f"Looked at {len(sample.rows):,} rows of {sample.file}{others}.")
    click.echo(f"Wrote {file}: guessed {', '.join(draft.guessed)}.")
    for question in draft.questions:
        click.echo(f"question: {question}")
    click.echo(f"Check the file, then run 'longplay ingest --source {file} --data {log}'.")


if __name__ == "__main__":
    command()
