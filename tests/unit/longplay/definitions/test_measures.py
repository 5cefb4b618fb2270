"""Every kind of measure has every part: bounds, sentence, formula, a Spark column, a reference and documentation."""

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import TypeAdapter

from longplay.definitions.expression import COLUMNS
from longplay.definitions.measures import MEASURES, BaseMeasure, Measure, ValueBounds
from longplay.site.mathml import render_formula
from signals import measure_columns
from tests.reference import signals_by_hand
from tests.reference.definitions_beyond import DEFINITIONS

EXAMPLES: dict[str, dict[str, Any]] = {
    "any": {"of": "click"},
    "days": {"of": "consumption"},
    "weeks": {"of": "negative", "weeks": 3, "days": 2},
    "inactivity": {"of": "consumption", "gap": 14},
    "regret": {"below": 30.5, "unit": "s"},
    "season": {"of": "consumption"},
    "sql": {"expression": 'sum(amount) / count_if(topic = "a" AND amount < 3)', "empty": 0.5},
}
"""One measure of each kind, every parameter set."""
KINDS = [pytest.param(measure, id=measure.__name__) for measure in MEASURES]
DAYS = 28


def kind_of(measure: type[BaseMeasure]) -> str:
    (kind,) = measure.model_fields["kind"].annotation.__args__  # type: ignore[union-attr]
    return str(kind)


def example(measure: type[BaseMeasure]) -> BaseMeasure:
    assert kind_of(measure) in EXAMPLES, f"add an example of the kind '{kind_of(measure)}' to EXAMPLES"
    measure_example: BaseMeasure = TypeAdapter(Measure).validate_python(
        {"kind": kind_of(measure), **EXAMPLES[kind_of(measure)]}
    )
    assert type(measure_example) is measure
    return measure_example


def cases_of(module: ModuleType) -> set[str]:
    """The classes for which a module has a ``case``."""
    tree = ast.parse(inspect.getsource(module))
    patterns = [node.cls for node in ast.walk(tree) if isinstance(node, ast.MatchClass)]
    return {pattern.id for pattern in patterns if isinstance(pattern, ast.Name)}


def parameters(measure: BaseMeasure) -> list[str]:
    """The values of a measure's parameters, as text."""
    values = {name: value for name, value in measure if name not in ("kind", "of")}
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values.values()]
    return [*texts, *([measure.label] if hasattr(measure, "label") else [])]


def test_every_class_of_measure_is_a_kind() -> None:
    def leaves(base: type[BaseMeasure]) -> set[type[BaseMeasure]]:
        below = base.__subclasses__()
        return set().union(*map(leaves, below)) if below else {base}

    assert leaves(BaseMeasure) == set(MEASURES), "list the new class in Measure, longplay/definitions/measures.py"


@pytest.mark.parametrize("measure", KINDS)
def test_a_measure_lacks_no_part_of_its_class(measure: type[BaseMeasure]) -> None:
    assert not measure.__abstractmethods__, f"{measure.__name__} lacks {sorted(measure.__abstractmethods__)}"
    assert measure.__doc__


@pytest.mark.parametrize("measure", KINDS)
def test_a_measure_has_bounds(measure: type[BaseMeasure]) -> None:
    measure_example = example(measure)
    bounds = measure_example.value_bounds(DAYS)
    assert bounds.low is None or bounds.high is None or bounds.low < bounds.high
    assert (bounds == ValueBounds(0, 1, True)) == measure_example.is_binary


@pytest.mark.parametrize("measure", KINDS)
def test_the_sentence_of_a_measure_names_every_parameter(measure: type[BaseMeasure]) -> None:
    measure_example = example(measure)
    sentence = measure_example.sentence("the same user")
    assert sentence.endswith(".")
    assert [text for text in parameters(measure_example) if text not in sentence] == []


@pytest.mark.parametrize("measure", KINDS)
def test_the_formula_of_a_measure_can_be_drawn(measure: type[BaseMeasure]) -> None:
    measure_example = example(measure)
    drawn = "".join(ElementTree.fromstring(str(render_formula(measure_example.formula()))).itertext())
    assert re.search(r"\bw\b", measure_example.formula()), (
        f"the formula of {measure.__name__} does not name the window w"
    )
    assert '"' not in drawn.replace(getattr(measure_example, "expression", ""), "")


@pytest.mark.parametrize("measure", KINDS)
def test_a_measure_reads_columns_that_facts_have(measure: type[BaseMeasure]) -> None:
    measure_example = example(measure)
    assert measure_example.fact_columns()
    assert measure_example.fact_columns() <= set(COLUMNS)


@pytest.mark.parametrize("measure", KINDS)
def test_a_measure_has_a_spark_column(measure: type[BaseMeasure]) -> None:
    assert measure.__name__ in cases_of(measure_columns), "add a case to signals/measure_columns.py"


@pytest.mark.parametrize("measure", KINDS)
def test_a_measure_has_a_reference(measure: type[BaseMeasure]) -> None:
    assert measure.__name__ in cases_of(signals_by_hand), "add a case to tests/reference/signals_by_hand.py"


@pytest.mark.parametrize("measure", KINDS)
def test_a_measure_is_compared_with_the_reference_on_random_logs(measure: type[BaseMeasure]) -> None:
    compared = {type(definition.measure) for definition in DEFINITIONS}
    assert measure in compared, "add a definition to tests/reference/definitions_beyond.py"


@pytest.mark.parametrize("measure", KINDS)
def test_a_measure_is_documented(measure: type[BaseMeasure]) -> None:
    reference = Path("docs/reference/signals.md").read_text(encoding="utf-8")
    assert f"### {measure.__name__}" in reference, "run 'make docs'"
    guide = Path("docs/how-to/signals.md").read_text(encoding="utf-8")
    assert f"`{kind_of(measure)}`" in guide, "describe the kind in docs/how-to/signals.md"


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
def test_every_kind_states_whether_it_only_grows(measure: type[BaseMeasure]) -> None:
    assert "only_grows" in vars(measure)
