"""Fifty and more ways to get a definition wrong: each gives an error of its own that names file, line and key.

No Spark runs here: what an expression may say is checked before any data are read.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from longplay.errors import ConfigError
from longplay.registry.registry import load

ROOT = Path(__file__).parents[4]
GOOD = """\
name: minutes_28d
version: 1
title: Minutes in the next 28 days
description: How long the listener was with the item.
owner: team-home
status: published
direction: higher_is_better
unit: s
anchor: exposure
keys: user_item
window: {kind: calendar, from: 1, to: 28}
lateness: 1 d
measure:
  kind: sql
  expression: sum(amount)
  empty: 0
filter: is_consumption
credit: {rule: clicked, within: 24 h}
cap: {low: 0, high: 36000}
void: {outage: true}
quality: {bounds: [0, 36000]}
"""
# What is replaced, by what, the line and key of the error, and words of its message.
CASES = [
    ("name: minutes_28d", "name: Minutes 28d", 1, "name", "pattern"),
    ("name: minutes_28d", "name: [a]", 1, "name", "valid string"),
    ("name: minutes_28d\n", "", 1, "name", "required"),
    ("version: 1", "version: 0", 2, "version", "greater than or equal to 1"),
    ("version: 1", "version: one", 2, "version", "valid integer"),
    ("version: 1", "version: 1\nversion: 2", 3, "", "appears twice"),
    ("title: Minutes in the next 28 days", "title: ''", 3, "title", "at least 1 character"),
    ("description: How long the listener was with the item.", "description:", 4, "description", "valid string"),
    ("owner: team-home", "owner: ''", 5, "owner", "at least 1 character"),
    ("owner: team-home", "ownr: team-home", 5, "ownr", "did you mean 'owner'?"),
    ("status: published", "status: live", 6, "status", "'draft', 'published' or 'deprecated'"),
    ("direction: higher_is_better", "direction: up", 7, "direction", "higher_is_better"),
    ("unit: s\n", "", 1, "unit", "required"),
    ("anchor: exposure", "anchor: click", 9, "anchor", "'discovery'"),
    ("anchor: exposure", "anchor: discovery", 20, "void.look_back", "needs void.look_back"),
    ("anchor: exposure", "anchor: active_day", 10, "keys", "an anchor 'active_day' has no item"),
    (
        "anchor: exposure\nkeys: user_item",
        "anchor: session\nkeys: user",
        1,
        "session_gap",
        "required for a session anchor",
    ),
    ("keys: user_item", "keys: item", 10, "keys", "'user' or 'user_item'"),
    ("from: 1, to: 28", "from: 0, to: 28", 11, "window.from", "greater than or equal to 1"),
    ("from: 1, to: 28", "from: 9, to: 2", 11, "window.to", "ends (day 2) before it begins (day 9)"),
    ("from: 1, to: 28", "from: 1, to: 2000", 11, "window.to", "less than or equal to 731"),
    ("from: 1, to: 28", "from: 1", 11, "window.to", "required"),
    ("kind: calendar, from: 1", "kind: callendar, from: 1", 11, "window", "callendar"),
    ("kind: calendar, from: 1, to: 28", "kind: elapsed, from: 1, to: 28", 11, "window.from", "not a duration"),
    ("kind: calendar, from: 1, to: 28", "kind: elapsed, from: -1 d, to: 28 d", 11, "window.from", "at or after"),
    ("kind: calendar, from: 1, to: 28", "kind: elapsed, from: 3 d, to: 3 d", 11, "window.to", "later than 'from'"),
    ("kind: calendar, from: 1, to: 28", "kind: elapsed, from: 0 s, to: 900 d", 11, "window.to", "at most 731 d"),
    ("lateness: 1 d", "lateness: 1 day", 12, "lateness", "'1 day' is not a duration"),
    ("lateness: 1 d", "lateness: -1 d", 12, "lateness", "must be 0 s or longer"),
    ("kind: sql", "kind: sequel", 13, "measure", "sequel"),
    ("expression: sum(amount)", "expression: ''", 15, "measure.expression", "is empty"),
    ("expression: sum(amount)", "expression: sum(amount", 15, "measure.expression", "not Spark SQL"),
    ("expression: sum(amount)", "expression: sum(amonut)", 15, "measure.expression", "did you mean 'amount'?"),
    ("expression: sum(amount)", "expression: sum(e.amount)", 15, "measure.expression", "names a table"),
    ("expression: sum(amount)", "expression: amount", 15, "measure.expression", "has no aggregate"),
    ("expression: sum(amount)", "expression: sum(amount) + amount", 15, "measure.expression", "outside an aggregate"),
    ("expression: sum(amount)", "expression: sum(max(amount))", 15, "measure.expression", "cannot be nested"),
    ("expression: sum(amount)", "expression: sum(topic)", 15, "measure.expression", "'topic' is of type text"),
    ("expression: sum(amount)", "expression: max(event_ts)", 15, "measure.expression", "of type timestamp"),
    ("expression: sum(amount)", "expression: count_if(amount)", 15, "measure.expression", "needs a condition"),
    ("expression: sum(amount)", "expression: count(distinct topic)", 15, "measure.expression", "size(collect_set(x))"),
    ("expression: sum(amount)", "expression: collect_set(topic)", 15, "measure.expression", "a value is a number"),
    ("expression: sum(amount)", "expression: first(amount)", 15, "measure.expression", "the function 'first'"),
    ("expression: sum(amount)", "expression: sum(amount * rand())", 15, "measure.expression", "'rand'"),
    ("expression: sum(amount)", "expression: sum(amount) over (order by day)", 15, "measure.expression", "OVER"),
    ("expression: sum(amount)", "expression: select 1", 15, "measure.expression", "not a query"),
    ("expression: sum(amount)", "expression: sum(amount) as x", 15, "measure.expression", "remove the alias 'x'"),
    ("expression: sum(amount)", "expression: sum(amount); select 1", 15, "measure.expression", "without ';'"),
    ("expression: sum(amount)", "expression: sum(amount) filter (where is_click)", 15, "measure.expression", "FILTER"),
    ("empty: 0", "empty: nothing", 16, "measure.empty", "valid number"),
    ("filter: is_consumption", "filter: amount", 17, "filter", "is of type number"),
    ("filter: is_consumption", "filter: sum(amount) > 3", 17, "filter", "one fact at a time"),
    ("filter: is_consumption", "filter: topic = null", 17, "filter", "IS NULL"),
    ("filter: is_consumption", "filter: knd = 'play'", 17, "filter", "did you mean 'kind'?"),
    ("rule: clicked", "rule: viewed", 18, "credit.rule", "'last_touch'"),
    ("within: 24 h", "within: 0 s", 18, "credit.within", "longer than 0 s"),
    ("rule: clicked, within: 24 h", "rule: time_decayed, within: 24 h", 18, "credit.tau", "'tau' is required by"),
    ("rule: clicked", "rule: last_touch", 18, "credit.rule", "splits days of a user with an item"),
    ("low: 0, high: 36000", "low: 5, high: 5", 19, "cap.high", "must be above its low"),
    ("low: 0, high: 36000", "", 19, "cap", "'low', 'high' or both"),
    ("outage: true", "outage: maybe", 20, "void.outage", "valid boolean"),
    ("outage: true", "settles: early", 20, "void.settles", "only a measure of kind 'any'"),
    ("outage: true", "at_least: 0", 20, "void.at_least", "greater than or equal to 1"),
    ("bounds: [0, 36000]", "bounds: [9, 1]", 21, "quality.bounds", "must be below the highest"),
    ("bounds: [0, 36000]", "coverage_at_least: 2", 21, "quality.coverage_at_least", "less than or equal to 1"),
    ("void: {outage: true}", "baseline: 14 d", 20, "baseline", "cannot be credited"),
    ("void: {outage: true}", "discount: {gamma: 0.9}", 20, "discount", "of kind 'days'"),
    ("void: {outage: true}", "replaced_by: other@1", 6, "status", "only a deprecated signal"),
    ("void: {outage: true}", "guardrails: [minutes_28d]", 20, "guardrails", "cannot be its own guardrail"),
    ("unit: s", "unit: [s", 9, "", "did not find expected"),
    ("unit: s", "unit: s: s", 8, "", "mapping values are not allowed"),
]


def test_the_definition_that_is_spoilt_is_good(tmp_path: Path) -> None:
    (tmp_path / "minutes_28d.v1.yaml").write_text(GOOD, encoding="utf-8")
    assert load([tmp_path]).get("minutes_28d").ref == "minutes_28d@1"


def fault(folder: Path, old: str, new: str) -> ConfigError:
    assert GOOD.count(old) == 1, old
    (folder / "minutes_28d.v1.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load([folder])
    return caught.value


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), CASES, ids=[f"{c[3]}: {c[1][:40]}" for c in CASES])
def test_each_fault_is_told_and_located(tmp_path: Path, old: str, new: str, line: int, key: str, words: str) -> None:
    error = fault(tmp_path, old, new)
    place = f"{tmp_path / 'minutes_28d.v1.yaml'}, line {line}" + (f", key {key}" if key else "")
    assert error.where == place
    assert words in f"{error.what} {error.got}"


def test_no_two_faults_read_alike(tmp_path: Path) -> None:
    errors = [fault(tmp_path, old, new) for old, new, *_ in CASES]
    texts = {re.sub(r"line \d+", "", f"{e.what} {e.where} {e.got}") for e in errors}
    assert len(texts) == len(CASES) >= 50


def test_no_spark_is_needed_to_tell(tmp_path: Path) -> None:
    (tmp_path / "minutes_28d.v1.yaml").write_text(GOOD.replace("sum(amount)", "sum(amonut)"), encoding="utf-8")
    code = (
        "import sys, pathlib; from longplay.registry.registry import load; from longplay.errors import ConfigError\n"
        f"try: load([pathlib.Path({str(tmp_path)!r})])\n"
        "except ConfigError: print(sorted(m for m in ('pyspark', 'py4j', 'signals') if m in sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_published_schema_takes_every_shipped_definition() -> None:
    schema = json.loads((ROOT / "docs" / "reference" / "signal.schema.json").read_text(encoding="utf-8"))
    for path in sorted((ROOT / "signals" / "definitions").glob("*.v*.yaml")):
        jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)
    with pytest.raises(jsonschema.ValidationError, match="'life' is not one of"):
        jsonschema.validate(yaml.safe_load(GOOD.replace("status: published", "status: life")), schema)
