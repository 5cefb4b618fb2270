"""Reference: the pages of docs/reference, made from specs, definitions, sources, settings and commands.

``python -m tools.generate_reference`` writes them, ``--check`` fails where they differ. Starts no Spark.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel, TypeAdapter

from features.feature_view import Feature, View
from features.shipped_views import VIEWS
from ingest import row_validation
from ingest.formats import FORMATS
from ingest.source_config import Source, load_source, shipped_sources
from jobs.runtime.command_options import guarded
from jobs.runtime.settings import RunSettings, load_settings
from longplay.cli import cli
from longplay.config.duration import PATTERN, format_duration
from longplay.definitions.describe import describe_definition
from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.definitions.sql_functions import AGGREGATES, FUNCTIONS, SqlFunction
from longplay.definitions.sql_parser import MAX_BRACKETS, MAX_DEPTH, MAX_LENGTH, MAX_WORDS
from longplay.errors import QualityError
from longplay.registry.definition_files import shipped_rewards
from longplay.registry.registry import load, shipped_definitions
from tables import catalog
from tables.checks import describe as describe_check
from tables.spec import TableSpec
from tools.step_tables import fill_step_tables, find_stale_pages

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
WIDTH = 100
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "pattern": "matches",
}
_MODES = {
    "append": "append (rows are only ever added)",
    "increment": "increment (new rows are added; rebuilt where source, code or settings change)",
    "replace": "replace (rebuilt for each logical date)",
}
_UNSEEN = {"count": "0", "rate": "0", "sum": "0", "distinct": "0"}


def pages() -> dict[str, str]:
    """The text of every page by file name; the same code and data give the same text."""
    definitions, rewards_by_ref = load([shipped_definitions()]).newest(), load(shipped_rewards()).rewards
    rewards = [rewards_by_ref[ref] for ref in sorted(rewards_by_ref)]
    page_blocks: dict[str, Iterable[str]] = {
        "tables": chain.from_iterable(map(_table_page, catalog.ALL.values())),
        "features": chain.from_iterable(map(_view_page, VIEWS)),
        "signals": [*map(_signal_page, definitions), "## Keys of a definition file", *_models(Definition)],
        "rewards": [*map(_signal_page, rewards), "## Keys of a reward file", *_models(Reward)],
        "sources": [
            *map(_source_page, shipped_sources()),
            _reasons(),
            _formats(),
            "## Keys of a source file",
            *_models(Source),
        ],
        "settings": ["## Defaults", _grid("key | default", _flat(load_settings())), "## Keys", *_models(RunSettings)],
        "expressions": _expressions_page(),
        "commands": _commands_page(),
    }
    head = "# {}\n\nGenerated: `make docs` writes this page anew. Edit the code or the data that it shows instead."
    texts = {
        f"{name}.md": "\n\n".join([head.format(name.title()), *blocks]) + "\n" for name, blocks in page_blocks.items()
    }
    schemas = {"signal": schema_of(Definition, "signal"), "reward": schema_of(Reward, "reward")}
    return texts | {f"{name}.schema.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


def schema_of(model: type[BaseModel], what: str) -> dict[str, Any]:
    """The JSON Schema of a definition file: editors complete keys from it."""
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"A Longplay {what}, one version"}
    return about | {k: v for k, v in model.model_json_schema(by_alias=True).items() if k != "title"}


def write_pages(folder: Path) -> None:
    """Write every page, and remove pages that are no longer made."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = pages()
    for name in {path.name for path in folder.glob("*.*")} - set(texts):
        (folder / name).unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def check_pages(folder: Path) -> None:
    """Compare the pages with those that would be written.

    Raises:
        QualityError: naming every page that differs.
    """
    expected, actual = pages(), {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.*")}
    stale = sorted(name for name in {*expected, *actual} if expected.get(name) != actual.get(name))
    if stale:
        fix = "run 'make docs' and keep what it writes"
        raise QualityError("The reference pages are not up to date.", where=str(folder), got=", ".join(stale), fix=fix)


def write_all() -> None:
    """Write the reference, and the tables of steps in other pages."""
    write_pages(FOLDER)
    for page, text in fill_step_tables().items():
        page.write_text(text, encoding="utf-8")


def check_all() -> None:
    """Check the reference, and the tables of steps in other pages.

    Raises:
        QualityError: naming every page that differs.
    """
    check_pages(FOLDER)
    if stale := find_stale_pages():
        fix = "run 'make docs' and keep what it writes"
        raise QualityError("The tables of steps are not up to date.", got=", ".join(stale), fix=fix)


def _table_page(spec: TableSpec) -> Iterator[str]:
    yield f"## {spec.name}\n\n{spec.about}"
    yield f"Grain: {_codes(spec.grain)}. Mode: {_MODES[spec.mode]}. Owner: {spec.owner}. Retention: {spec.retention}."
    if spec.audit:
        yield f"Not part of the content (where a row came from): {_codes(spec.audit)}."
    rows = [(f"`{c.name}`", f"`{c.type}`", "yes" if c.nullable else "no", c.meaning) for c in spec.columns]
    yield _grid("column | type | may be null | meaning", rows)
    if spec.families:
        yield f"Further columns begin with {_codes(spec.families)}."
    if spec.rules:
        rules = [(f"`{rule.name}`", rule.severity, f"`{rule.violation}`", rule.message) for rule in spec.rules]
        yield _grid("rule | severity | a row breaks it if | message", rules)
    if spec.checks:
        checks = [
            (f"`{check.name}`", check.severity, f"`{describe_check(check)}`", check.message) for check in spec.checks
        ]
        yield _grid("check | severity | of | message", checks)


def _view_page(view: View) -> Iterator[str]:
    edge = "`as_of`" if view.resolution == "event" else "midnight UTC of that day"
    moment = "`as_of`" if view.resolution == "event" else "the day of `as_of`"
    yield f"## {view.name}\n\n{view.about} Owner: {view.owner}."
    yield f"Grain: {_codes(view.keys)} and {moment}. Windows end at {edge}, exclusive."
    rows = [_feature(feature, view.resolution) for feature in view.features]
    yield _grid("feature | meaning | window | unit | if nothing was seen", rows)


def _feature(feature: Feature, resolution: str) -> tuple[str, ...]:
    meaning = {
        "count": f"number of {feature.of}",
        "rate": f"number of {feature.of} a day",
        "sum": f"sum of the consumed {feature.of}",
        "mean": f"mean {feature.of} of a consumption",
        "last": f"{feature.of} of the newest event",
        "entropy": f"entropy of `{feature.of}` over consumptions",
        "distinct": f"distinct values of `{feature.of}` among consumptions",
        "recency": f"time since the last of the {feature.of}",
        "age": "time since first seen",
        "ratio": f"`{feature.of}` / ({' + '.join(f'`{name}`' for name in feature.per)})",
    }[feature.kind]
    interval = feature.interval(resolution)
    return f"`{feature.name}`", meaning, f"`{interval}`", feature.unit, _UNSEEN.get(feature.kind, "null")


def _signal_page(definition: Definition | Reward) -> str:
    about = describe_definition(definition)
    title = f"## {about.pop('signal')}\n\n**{about.pop('title')}.** {about.pop('description')}"
    return f"{title}\n\n{_grid('key | value', [(key, f'`{value}`') for key, value in about.items()])}"


def _source_page(name: str) -> str:
    source = load_source(name)
    rows = [row for row in _flat(source, exclude_unset=True) if row[0] not in ("`name`", "`about`")]
    return f"## {name}\n\n{source.about.strip()}\n\n{_grid('key | value', rows)}"


def _reasons() -> str:
    paragraph = (row_validation.__doc__ or "").split("\n\n")[1].split()
    return f"## Reasons for quarantine\n\n{' '.join(paragraph)}"


def _formats() -> str:
    rows = [(f"`{name}`", raw.about, _codes(sorted(raw.keys)) or "none") for name, raw in FORMATS.items()]
    return f"## Formats of raw files\n\n{_grid('format.type | how it is read | further keys', rows)}"


_EXPRESSIONS = f"""
What `measure.expression` and `filter` of a signal, and `derive` and `filters` of a source, may say. Besides the
functions below: `+ - * / % ||`, comparisons, `AND OR NOT`, `IN`, `BETWEEN`, `IS NULL`, `LIKE`, `ILIKE`, `RLIKE`,
`CASE`, `if`, `cast`, `interval 2 hours` and literals such as `timestamp '2026-05-03 10:00:00'` (UTC). Nothing else is
allowed.

An expression is checked when it is read, and what Spark is given is written from what was checked. Arithmetic and casts
without a result are null, as is a division by zero; a function of null is null unless its line says otherwise. Doubles
keep their own rules: the root of -1 is not a number (NaN), and what is too large is infinite. Patterns of `RLIKE` and
`regexp_extract` hold what every dialect reads alike, and no repeated group that itself holds a repeat or alternatives.
An expression has at most {MAX_LENGTH:,} characters and {MAX_WORDS:,} words and signs; brackets may be {MAX_BRACKETS}
deep, and operations {MAX_DEPTH}.
"""


def _expressions_page() -> Iterator[str]:
    yield from (" ".join(paragraph.split()) for paragraph in _EXPRESSIONS.split("\n\n"))
    for title, functions in (("Functions", FUNCTIONS), ("Aggregates, in measures of signals", AGGREGATES)):
        rows = [
            (f"`{_call(name, function)}`", function.result or "as given", function.about)
            for name, function in functions.items()
        ]
        yield f"## {title}"
        yield _grid("function | result | value", rows)


def _call(name: str, function: SqlFunction) -> str:
    required = len(function.arguments) - function.optional
    arguments = ", ".join(function.arguments[:required])
    rest = "".join(f"[, {kind}]" for kind in function.arguments[required:])
    return f"{name}({arguments}{rest}{', ...' if function.variadic else ''})"


def _flat(model: BaseModel, exclude_unset: bool = False) -> list[tuple[str, str]]:
    """Dotted keys and values."""

    def rows(data: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
        for key, value in data.items():
            if isinstance(value, dict):
                yield from rows(value, f"{prefix}{key}.")
            else:
                texts = value if isinstance(value, list) else [value]
                shown = [json.dumps(text) if isinstance(text, dict) or text == "" else str(text) for text in texts]
                yield f"`{prefix}{key}`", _codes(shown)

    return list(rows(model.model_dump(mode="json", by_alias=True, exclude_unset=exclude_unset), ""))


def _models(root: type[BaseModel]) -> Iterator[str]:
    """The keys of a model and of every model inside it, with types, limits and the meanings from docstrings."""
    schema = root.model_json_schema(by_alias=True)
    for name, model in {root.__name__: schema, **schema["$defs"]}.items():
        about, _, attributes = str(model["description"]).replace("``", "`").partition("Attributes:")
        meanings = dict(re.findall(r"^ {4}(\w+): ((?:.|\n {8})+)", attributes, re.MULTILINE))
        yield f"### {name}\n\n{about.strip()}"
        rows = [
            (f"`{key}`", _type(field), _default(key, field, model), " ".join(meanings.get(key, "").split()))
            for key, field in model["properties"].items()
        ]
        yield _grid("key | type | default | meaning", rows if meanings else [row[:3] for row in rows])


def _type(field: Mapping[str, Any]) -> str:
    """A JSON schema's type in words: ``list of string``, ``integer, at least 1``."""
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if parts := field.get("anyOf", field.get("oneOf")):
        return " or ".join(_type(part) for part in parts if part.get("type") != "null")
    if "const" in field or "enum" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "prefixItems" in field:
        return f"list of {len(field['prefixItems'])} of {_type(field['prefixItems'][0])}"
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    kind = "duration, such as `24 h`" if field.get("pattern") == PATTERN else str(field["type"])
    limits = {} if field.get("pattern") == PATTERN else _LIMITS
    return ", ".join([kind, *(f"{phrase} `{field[limit]}`" for limit, phrase in limits.items() if limit in field)])


def _default(key: str, field: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    if key in model.get("required", []):
        return "required"
    value = field.get("default")
    if field.get("pattern") == PATTERN and value is not None:
        value = format_duration(TypeAdapter(timedelta).validate_python(value))
    return "its own defaults" if isinstance(value, dict) else f"`{value}`" if value not in (None, "", []) else "none"


def _commands_page() -> Iterator[str]:
    context = click.Context(cli)
    for name in ["", *cli.list_commands(context)]:
        command = cli.get_command(context, name) if name else cli
        assert command is not None
        yield _help(f"longplay {name}".strip(), command)
        if name and isinstance(command, click.Group):
            yield from (_help(f"longplay {name} {sub}", subcommand) for sub, subcommand in command.commands.items())


def _help(name: str, command: click.Command) -> str:
    shown = command.get_help(click.Context(command, info_name=name, terminal_width=WIDTH))
    return f"## {name}\n\n```text\n{shown}\n```"


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _grid(header: str, rows: Iterable[Sequence[str]]) -> str:
    rows = list(rows)
    titles = header.split(" | ")[: len(rows[0]) if rows else None]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [titles, ["---"] * len(titles), *cells])


@click.command("reference")
@click.option("--check", is_flag=True, help="Write nothing; fail where the pages differ from what would be written.")
def command(check: bool) -> None:
    """Write docs/reference and the tables of steps in other pages, or check them.

    Example: python -m tools.generate_reference --check
    """
    guarded(check_all if check else write_all)


if __name__ == "__main__":
    command()
