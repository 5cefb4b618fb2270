"""The layout of a store: the paths of its folders and files.

Other modules get their paths here; only files inside a staging, rejected or world folder are named elsewhere.

```
STORE/                   StorePaths
  registry.db            definitions that teams share
  mlflow.db              tracked runs; their files are in mlartifacts/
  evidence.json          pooled results of `longplay evidence`
  KIND-SEED/             the store of each of its worlds
    world/               the simulated world whose log was ingested into it
  SOURCE/                SourcePaths
    TABLE/               one folder per Delta table
    _quality/            verdicts of the gate, and their pages in docs/
    _manifests/          training sets
    _deployments/        outcomes of deployments
    _erasures/           receipts of erasures, and the key of their tombstones
    _staging/ rejected/  rows on their way to the gate, and rows that it refused
    report.html          verdict on the rankers
    .TABLE.lock .run.lock
```
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from longplay.errors import ConfigError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""How an address with a scheme begins, also after ``Path`` has joined its slashes."""
_DELTA_LOG, _ANY = "_delta_log", "*"
_VERDICTS, _MANIFESTS, _DEPLOYMENTS, _RECEIPTS = "_quality", "_manifests", "_deployments", "_erasures"
_STAGING, _REJECTED = "_staging", "rejected"


def delta_log(table: Path) -> Path:
    """The folder of a Delta table's commits."""
    return table / _DELTA_LOG


def data_file(table: Path, name: str) -> Path:
    """A data file of a Delta table, by the name that its log records, which is percent-encoded."""
    return table / unquote(name)


def staged_file(folder: Path) -> Path:
    """The file of staged rows that were written without Spark."""
    return folder / "part-0.parquet"


def record_file(folder: Path, name: str) -> Path:
    """The JSON file of one verdict, manifest, deployment or receipt in its folder."""
    return folder / f"{name}.json"


def record_files(folder: Path) -> list[Path]:
    """The JSON files of a folder of records, sorted by name; empty if the folder does not exist."""
    return sorted(folder.glob("*.json"))


def check_store_address(address: Path | str) -> Path:
    """The folder of a store.

    Raises:
        ConfigError: for an address with a scheme, such as one of an object store.
    """
    if _SCHEME.match(str(address)):
        raise ConfigError(
            "A store is a folder of a local or mounted file system; object stores are not supported.",
            where="--store",
            got=str(address),
            fix="name a folder, or mount the bucket as one on a file system that has locks",
        )
    return Path(address)


@dataclass(frozen=True)
class SourcePaths:
    """The paths of one source in a store.

    Attributes:
        folder: holds the source's tables and everything written about them; named after the source.
    """

    folder: Path

    @property
    def source(self) -> str:
        """Name of the source."""
        return self.folder.name

    def table(self, name: str) -> Path:
        """The folder of a Delta table."""
        return self.folder / name

    def table_names(self) -> set[str]:
        """Names of the tables that have a Delta log."""
        return {log.parent.name for log in self.folder.glob(f"{_ANY}/{_DELTA_LOG}")}

    def has_log(self, table: str) -> bool:
        """Whether a table has a Delta log, without opening it."""
        return delta_log(self.table(table)).is_dir()

    @property
    def verdicts(self) -> Path:
        """The folder of the gate's verdicts."""
        return self.folder / _VERDICTS

    @property
    def verdict_pages(self) -> Path:
        """The folder of great-expectations' pages on verdicts."""
        return self.verdicts / "docs"

    def verdict(self, file_name: str) -> Path:
        """The file of a verdict, given the name recorded in the table's commit."""
        return self.verdicts / file_name

    @property
    def manifests(self) -> Path:
        """The folder of training sets' manifests."""
        return self.folder / _MANIFESTS

    @property
    def deployments(self) -> Path:
        """The folder of deployments' outcomes."""
        return self.folder / _DEPLOYMENTS

    @property
    def receipts(self) -> Path:
        """The folder of erasures' receipts."""
        return self.folder / _RECEIPTS

    @property
    def tombstone_key(self) -> Path:
        """The file of the secret key that tombstones are hashed with."""
        return self.receipts / "key"

    @property
    def report(self) -> Path:
        """The page that compares the rankers."""
        return self.folder / "report.html"

    @property
    def run_lock(self) -> Path:
        """The lock file that a run holds while it writes the source's tables."""
        return self.folder / ".run.lock"

    def lock(self, table: str) -> Path:
        """The lock file that a writer of a table holds."""
        return self.folder / f".{table}.lock"

    def staging(self, table: str, run_id: str) -> Path:
        """The folder of rows that a run stages for a table."""
        return self.folder / _STAGING / f"{table}-{run_id}"

    def rejected(self, table: str, run_id: str) -> Path:
        """The folder that keeps the rows of a run which the gate refused to publish."""
        return self.folder / _REJECTED / f"{table}-{run_id}"

    def staging_folders(self, table: str) -> list[Path]:
        """Staging folders that any run left for a table."""
        return list((self.folder / _STAGING).glob(f"{table}-*"))

    def unpublished_folders(self) -> list[Path]:
        """Folders of rows that were rejected, or left staged by a killed run."""
        return [folder for name in (_REJECTED, _STAGING) for folder in (self.folder / name).glob(_ANY)]


@dataclass(frozen=True)
class StorePaths:
    """The paths of a store.

    Attributes:
        root: holds one folder for each source.
    """

    root: Path

    @classmethod
    def from_address(cls, address: Path | str) -> Self:
        """From the path of a store as the user typed it; made absolute.

        Raises:
            ConfigError: for an address with a scheme.
        """
        return cls(check_store_address(address).absolute())

    def source(self, name: str) -> SourcePaths:
        """The paths of one source, whether or not it exists."""
        return SourcePaths(self.root / name)

    def sources(self, table: str = _ANY) -> list[SourcePaths]:
        """Sources that have a table (default: any table), sorted by name."""
        logs = self.root.glob(f"{_ANY}/{table}/{_DELTA_LOG}")
        return [SourcePaths(folder) for folder in sorted({log.parent.parent for log in logs})]

    def manifests(self) -> list[Path]:
        """Manifests of training sets, of every source."""
        return sorted(self.root.glob(f"{_ANY}/{_MANIFESTS}/*.json"))

    def deployments(self) -> list[Path]:
        """Outcomes of deployments, of every source."""
        return sorted(self.root.glob(f"{_ANY}/{_DEPLOYMENTS}/*.json"))

    @property
    def registry(self) -> Path:
        """The registry of definitions that teams share."""
        return self.root / "registry.db"

    @property
    def tracking_database(self) -> Path:
        """MLflow's database of runs."""
        return self.root / "mlflow.db"

    @property
    def tracking_artifacts(self) -> Path:
        """MLflow's folder of models and figures."""
        return self.root / "mlartifacts"

    @property
    def evidence(self) -> Path:
        """The pooled results of ``longplay evidence``."""
        return self.root / "evidence.json"

    def evidence_store(self, kind: str, seed: int) -> Path:
        """The store of one world of ``longplay evidence``."""
        return self.root / f"{kind}-{seed}"

    @property
    def world(self) -> Path:
        """The folder of the simulated world whose log was ingested into a store of ``longplay evidence``."""
        return self.root / "world"
