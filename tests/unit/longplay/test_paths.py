"""Every place of a store is joined in longplay/paths.py, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from longplay.paths import SourcePaths, StorePaths, record_file, record_files

REPOSITORY = Path(__file__).parents[3]
PACKAGES = [
    "longplay",
    "tables",
    "ingest",
    "features",
    "signals",
    "quality",
    "rankers",
    "experiments",
    "worlds",
    "jobs",
]
NAMES = {
    "_delta_log",
    "_quality",
    "_manifests",
    "_deployments",
    "_erasures",
    "_staging",
    "report.html",
    "registry.db",
    "mlflow.db",
    "mlartifacts",
    "evidence.json",
    ".run.lock",
}
"""Names that stand in longplay/paths.py alone."""
ADDRESSES = {"store", "root", "folder", "_folder", "warehouse", "results", "paths"}
"""Variables and attributes that hold a place in a store, which no other module joins anything to."""
OTHER_FOLDERS = {
    "jobs/runtime/fingerprint.py": "packages of Longplay",
    "jobs/runtime/settings.py": "conf",
    "jobs/setup.py": "Spark's jars",
    "longplay/commands/new.py": "definitions",
    "longplay/registry/definition_files.py": "definitions",
    "longplay/server/open_releases.py": "a server's own index",
    "rankers/models/": "a model's files",
    "rankers/tracking/": "a model's files",
    "tables/contract.py": "contracts",
    "tables/export_contracts.py": "contracts",
}
"""Modules and packages whose ``folder`` is not of a store, and what it holds."""
MODULES = [
    module.relative_to(REPOSITORY).as_posix()
    for package in PACKAGES
    for module in sorted((REPOSITORY / package).rglob("*.py"))
    if module != REPOSITORY / "longplay" / "paths.py"
]


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Names of a store's places in a module's strings, f-strings included, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            for name in NAMES & set(node.value.split("/")):
                yield node.lineno, f"names '{name}'"


def joins(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Places of a store that a module joins something to, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            address = node.left.attr if isinstance(node.left, ast.Attribute) else getattr(node.left, "id", "")
            if address in ADDRESSES:
                yield node.lineno, f"joins '{ast.unparse(node)}'"


@pytest.mark.parametrize("module", MODULES)
def test_places_of_a_store_are_joined_in_one_module(module: str) -> None:
    tree = ast.parse((REPOSITORY / module).read_text(encoding="utf-8"))
    violations = [*literals(tree), *([] if module.startswith(tuple(OTHER_FOLDERS)) else joins(tree))]
    messages = [f"{module}:{line} {what}: ask longplay/paths.py for the place" for line, what in violations]
    assert not messages, "\n".join(messages)


def test_the_check_sees_names_and_joins() -> None:
    tree = ast.parse("a = job.folder / MANIFESTS\nb = store / f'{x}'\nc = f'*/_quality/{x}'\nd = cells / rows\n")
    assert [line for line, _ in joins(tree)] == [1, 2]
    assert [line for line, _ in literals(tree)] == [3]


def test_places_of_a_source() -> None:
    paths = StorePaths.from_address("/warehouse").source("shop")
    assert paths == SourcePaths(Path("/warehouse/shop"))
    assert paths.source == "shop"
    assert str(paths.table("events")) == "/warehouse/shop/events"
    assert str(paths.lock("events")) == "/warehouse/shop/.events.lock"
    assert str(paths.staging("events", "run-1")) == "/warehouse/shop/_staging/events-run-1"
    assert str(record_file(paths.manifests, "1-ab")) == "/warehouse/shop/_manifests/1-ab.json"


def test_sources_are_those_with_a_table(tmp_path: Path) -> None:
    for place in ("shop/events/_delta_log", "bank/visits/_delta_log", "bank/events/_delta_log", "empty/_quality"):
        (tmp_path / place).mkdir(parents=True)
    paths = StorePaths(tmp_path)
    assert [source.source for source in paths.sources()] == ["bank", "shop"]
    assert [source.source for source in paths.sources("visits")] == ["bank"]
    assert paths.source("bank").table_names() == {"events", "visits"}
    assert paths.source("bank").has_log("events")
    assert not paths.source("shop").has_log("visits")


def test_records_are_listed_by_name_across_sources(tmp_path: Path) -> None:
    for place in ("shop/_manifests/2.json", "shop/_manifests/1.json", "bank/_manifests/3.json", "bank/_quality/4.json"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    paths = StorePaths(tmp_path)
    assert [file.stem for file in record_files(paths.source("shop").manifests)] == ["1", "2"]
    assert record_files(paths.source("none").manifests) == []
    assert [file.stem for file in paths.manifests()] == ["3", "1", "2"]
