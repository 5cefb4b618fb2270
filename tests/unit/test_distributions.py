"""Two wheels of one repository: the client brings one package and no Spark, the platform brings the jobs."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tables import catalog
from tests.unit.rankers.model_libraries import MODEL_LIBRARIES

ROOT = Path(__file__).parents[2]
PLATFORM = {"tables", "ingest", "features", "signals", "quality", "rankers", "experiments", "worlds", "jobs", "conf"}
# Runs the command line of the unpacked client; importing anything that only the platform brings fails.
CLIENT = """
import sys
from importlib import metadata

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"the client needs {{name}}", name=name)

metadata.entry_points = lambda **_: metadata.EntryPoints()
sys.meta_path.insert(0, Absent())
sys.path.insert(0, {unpacked!r})
sys.argv = ["longplay", *{arguments!r}]
from longplay.cli import main
main()
"""
ABSENT = sorted({*PLATFORM, *MODEL_LIBRARIES, "pyspark", "delta", "py4j", "great_expectations", "mlflow", "matplotlib"})


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT / "client", ROOT):
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(build, cwd=project, check=True, capture_output=True)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def contents(wheel: Path) -> set[str]:
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if ".dist-info/" not in name}


def in_client(wheel: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    zipfile.ZipFile(wheel).extractall(folder / "unpacked")
    script = CLIENT.format(absent=ABSENT, unpacked=str(folder / "unpacked"), arguments=arguments)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_client_brings_one_package(wheels: dict[str, Path]) -> None:
    assert {name.partition("/")[0] for name in contents(wheels["longplay"])} == {"longplay"}


def test_the_platform_brings_the_others(wheels: dict[str, Path]) -> None:
    assert {name.partition("/")[0] for name in contents(wheels["longplay_platform"])} == PLATFORM
    assert {f"tables/contracts/{name}.yaml" for name in catalog.ALL} <= contents(wheels["longplay_platform"])


def test_shipped_definitions_travel_once_and_completely(wheels: dict[str, Path]) -> None:
    client, platform = contents(wheels["longplay"]), contents(wheels["longplay_platform"])
    for kind, folder in (("signals", ROOT / "signals" / "definitions"), ("rewards", ROOT / "conf" / "rewards")):
        files = [path.name for path in folder.iterdir()]
        assert files
        assert {f"longplay/shipped/{kind}/{name}" for name in files} <= client
        assert not {f"{folder.relative_to(ROOT)}/{name}" for name in files} & platform


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--help",), "signals"),
        (("signals", "list"), "return_to_item_14d"),
        (("signals", "show", "return_to_item_14d"), "hash:"),
        (("signals", "show", "lasting_value"), "hash:"),
        (("signals", "values", "--help"), "--known-at"),
        (("serve", "--help"), "--port"),
        (("catalogue", "--store", ".", "--out", "pages"), "pages"),
    ],
)
def test_the_client_works_alone(
    arguments: tuple[str, ...], shown: str, wheels: dict[str, Path], tmp_path: Path
) -> None:
    result = in_client(wheels["longplay"], tmp_path, *arguments)
    assert result.returncode == 0, result.stderr
    assert shown in result.stdout
