"""Every ranker family is complete: each test below names the family that lacks a part."""

import dataclasses
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib.lines
import pytest
import yaml

from experiments.report.figures import RANDOM_LINE_STYLE
from longplay.errors import ConfigError
from rankers import models
from rankers.config import RankerSettings
from rankers.models.base import RankerConfig
from rankers.models.families import FAMILIES, get_family
from rankers.models.family import RankerFamily
from tests.unit.rankers.model_libraries import MODEL_LIBRARIES

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "conf" / "base.yaml").read_text(encoding="utf-8"))["rankers"]


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> RankerFamily:
    return FAMILIES[request.param]


def test_the_table_lists_every_record_of_the_package() -> None:
    modules = [
        importlib.import_module(f"rankers.models.{module.name}") for module in pkgutil.iter_modules(models.__path__)
    ]
    records = {v.name for module in modules for v in vars(module).values() if isinstance(v, RankerFamily)}
    assert records == set(FAMILIES)


def test_no_part_of_a_record_has_a_default() -> None:
    optional = [f.name for f in dataclasses.fields(RankerFamily) if f.default is not dataclasses.MISSING]
    assert optional == []


def test_names_serve_as_keys_and_in_names_of_arms(family: RankerFamily) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
    assert FAMILIES[family.name] is family
    assert family.title[0].isupper()


def test_the_report_tells_families_apart(family: RankerFamily) -> None:
    assert isinstance(family.line_style, tuple) or family.line_style in matplotlib.lines.lineStyles
    assert family.line_style != RANDOM_LINE_STYLE
    others = [other for other in FAMILIES.values() if other is not family]
    assert family.marker not in [other.marker for other in others]
    assert family.title not in [other.title for other in others]
    if family.is_learned:
        assert family.line_style not in [other.line_style for other in others if other.is_learned]


def test_settings_have_defaults_and_a_section_unless_they_are_empty(family: RankerFamily) -> None:
    assert issubclass(family.config, RankerConfig)
    config = family.config()
    assert (family.name in RankerSettings.model_fields) == bool(family.config.model_fields)
    assert RankerSettings(**BASE).get_config(family.name) == config


def test_every_family_is_trained_by_default(family: RankerFamily) -> None:
    assert family.name in BASE["families"]


def test_requirements_of_logged_models_are_those_of_the_project(family: RankerFamily) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    assert set(family.requirements) <= {*project["dependencies"], *(line for lines in extras for line in lines)}


def test_the_table_imports_no_model_library() -> None:
    libraries = {"mlflow", *MODEL_LIBRARIES}
    code = f"import sys, rankers.models.families; print(*{libraries!r} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert result.stdout.split() == []


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'transformer'"):
        get_family("transfomer")
