"""A team's own log without exposures, onboarded by one source file outside the repository, on the command line."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from longplay.delta import read_arrow

pytestmark = [pytest.mark.spark, pytest.mark.slow]

LONGPLAY = Path(sys.executable).with_name("longplay")
SOURCE = """
name: corner_shop
about: Order lines of a corner shop.
format: {type: csv, delimiter: ";"}
time_zone: Europe/Berlin
events:
  user: Customer No
  item: Article
  topic: Shelf
  time: {column: Sold at, format: "dd.MM.yyyy HH:mm"}
  kind: {constant: purchase}
  kinds: [purchase]
  amount: {column: Pieces, unit: pieces, at_least: 1}
  consumption: {kinds: [purchase]}
  click: {kinds: [purchase]}
  filters:
    - {reason: voucher, where: "Article = 'voucher'"}
candidates: {per_request: 4, uniform_share: 0.5, seed: 3}
quarantine_limit: 0.1
"""
SMALL = (
    f"spark.master={os.environ.get('LONGPLAY_TEST_MASTER', 'local[2]')}",
    "spark.shuffle_partitions=2",
    "spark.driver_memory=2g",
    "rankers.families=[popularity, xgboost]",
    "rankers.xgboost.rounds=5",
    "training.train_days=14",
    "training.valid_days=5",
    "training.test_days=7",
)


def order_lines(users: int = 40, items: int = 20, days: int = 90) -> pd.DataFrame:
    """Regulars who buy what they bought before; grain: order line."""
    rng = np.random.default_rng(5)
    rows = []
    for user in range(users):
        likes = rng.choice(items, 4, replace=False)
        for day in np.flatnonzero(rng.random(days) < 0.3):
            item = rng.choice(likes) if rng.random() < 0.7 else rng.integers(items)
            moment = pd.Timestamp("2026-01-01") + pd.Timedelta(days=int(day), minutes=int(rng.integers(480, 1200)))
            rows.append((1000 + user, f"A{item:03d}", f"shelf {item % 3}", f"{moment:%d.%m.%Y %H:%M}", 1))
    frame = pd.DataFrame(rows, columns=["Customer No", "Article", "Shelf", "Sold at", "Pieces"])
    frame.loc[[3, 5], "Pieces"] = [0, -2]
    frame.loc[7, "Article"] = "voucher"
    return frame


def longplay(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = [part for text in SMALL for part in ("--set", text)]
    command = [str(LONGPLAY), *arguments, "--source", "shop.yaml", "--store", "warehouse", *settings]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)


def write_shop(folder: Path) -> Path:
    (folder / "shop.yaml").write_text(SOURCE, encoding="utf-8")
    order_lines().to_csv(folder / "orders.csv", sep=";", index=False)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


@dataclass(frozen=True)
class ShopRun:
    """The line over the shop's log, trained on a shipped label and on one that its team added.

    Attributes:
        folder: the working folder.
        messages: what the command printed to the standard error.
    """

    folder: Path
    messages: str

    @property
    def store(self) -> Path:
        """The folder of the source's tables."""
        return self.folder / "warehouse" / "corner_shop"

    def signals(self, *arguments: str) -> str:
        """The output of ``longplay signals``."""
        return run_signals(self.folder, *arguments)


def run_signals(folder: Path, *arguments: str) -> str:
    command = [str(LONGPLAY), "signals", *arguments, "--store", "warehouse"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def add_aliased_signal(folder: Path) -> None:
    """Two versions of a signal of the shop's own; an alias stays on the first, which is deprecated."""
    run_signals(folder, "new", "return_7d", "--from", "return_to_item_14d", "--owner", "shop")
    first = folder / "definitions" / "return_7d.v1.yaml"
    text = first.read_text(encoding="utf-8").replace("to: 14}", "to: 7}").replace("status: draft", "status: published")
    first.write_text(text, encoding="utf-8")
    second = text.replace("version: 1", "version: 2").replace("to: 7}", "to: 5}")
    first.with_name("return_7d.v2.yaml").write_text(second, encoding="utf-8")
    run_signals(folder, "apply", "definitions", "--as", "ana")
    run_signals(folder, "alias", "return_7d@champion", "1", "--owner", "shop")
    run_signals(
        folder, "deprecate", "return_7d@1", "--replaced-by", "return_7d@2", "--on", "2026-01-01", "--owner", "shop"
    )


@pytest.fixture(scope="module")
def shop_run(tmp_path_factory: pytest.TempPathFactory) -> ShopRun:
    folder = write_shop(tmp_path_factory.mktemp("shop"))
    add_aliased_signal(folder)
    labels = "training.labels=[click, return_to_item_14d, return_7d@champion]"
    result = longplay(folder, "run", "--data", "orders.csv", "--set", labels)
    assert result.returncode == 0, result.stderr
    return ShopRun(folder, result.stderr)


def test_one_source_file_is_enough(shop_run: ShopRun) -> None:
    read = len(pd.read_csv(shop_run.folder / "orders.csv", sep=";"))
    quarantined = "quarantined: voucher 1 (1 raw), bad_amount 2 (2 raw)"
    assert f"read {read:,} = clean {read - 3:,} + 3; {quarantined}" in shop_run.messages
    assert "regret@1: not eligible here: it measures s, this source pieces" in shop_run.messages
    for arm in ("popularity:", "xgboost-click:", "xgboost-return:"):
        assert f"{arm} NDCG@10 click" in shop_run.messages
    report = (shop_run.store / "report.html").read_text(encoding="utf-8")
    assert "Order lines of a corner shop." in report
    assert "xgboost-return" in report


def test_a_label_that_teams_share_by_alias(shop_run: ShopRun) -> None:
    """The alias still points to version 1 when 2 is the newest, and what was trained on it is recorded."""
    assert "warning: return_7d@1 has been deprecated since 2026-01-01: use return_7d@2" in shop_run.messages
    assert "xgboost-return_7d: NDCG@10 click" in shop_run.messages
    manifest = json.loads(next((shop_run.store / "_manifests").glob("*.json")).read_text(encoding="utf-8"))
    assert sorted(manifest["labels"]) == ["click@1", "return_7d@1", "return_to_item_14d@1"]
    computed = read_arrow(shop_run.store / "signal_values", ["signal"])["signal"].unique().to_pylist()
    assert {"return_7d@1", "return_7d@2"} <= set(computed)
    used = json.loads(shop_run.signals("consumers", "return_7d", "--json"))
    assert {(use["kind"], use["asked"], use["signal"]) for use in used} == {
        ("training_set", "return_7d@champion", "return_7d@1"),
        ("experiment", "return_7d@champion", "return_7d@1"),
    }


def test_a_missing_column_ends_with_its_own_exit_code(shop: Path) -> None:
    text = (shop / "orders.csv").read_text(encoding="utf-8")
    (shop / "orders.csv").write_text(text.replace("Customer No", "Customer", 1), encoding="utf-8")
    result = longplay(shop, "run", "--data", "orders.csv")
    assert result.returncode == 3
    assert "error: Column 'Customer No' is missing." in result.stderr
    assert "orders.csv" in result.stderr
    assert "did you mean 'Customer'?" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(shop.rglob("_delta_log"))


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "message"),
    [
        ("shop.yaml", "quarantine_limit", "quarantine_limt", 2, "did you mean 'quarantine_limit'?"),
        ("shop.yaml", "Europe/Berlin", "Europe/Berln", 2, "did you mean 'Europe/Berlin'?"),
        ("shop.yaml", "{type: csv", "{type: xlsx", 2, "format.type"),
    ],
)
def test_a_faulty_source_file_is_refused_at_once(
    shop: Path, file: str, old: str, new: str, code: int, message: str
) -> None:
    path = shop / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    result = longplay(shop, "ingest", "--data", "orders.csv")
    assert result.returncode == code
    assert message in result.stderr
    assert "shop.yaml" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_and_an_empty_log(shop: Path) -> None:
    missing = longplay(shop, "ingest", "--data", "order.csv")
    assert missing.returncode == 3
    assert "error: The raw log is missing." in missing.stderr
    (shop / "orders.csv").write_text("", encoding="utf-8")
    empty = longplay(shop, "ingest", "--data", "orders.csv")
    assert empty.returncode == 3
    assert "found: 0 bytes" in empty.stderr
