"""Simulate: write the raw log of a simulated streaming service."""

from pathlib import Path
from typing import Any

import click

from jobs.runtime.command_options import guarded
from jobs.runtime.progress import Progress
from worlds.log import EPISODES, write_log
from worlds.spec import WorldSpec
from worlds.truth_tables import read_spec


def simulate(spec: WorldSpec, out: Path, progress: Progress, force: bool = False) -> None:
    """Write the world's log to ``out/log`` and its hidden truth to ``out/truth``, unless they exist."""
    truth = out / "truth" / "world.json"
    is_complete = truth.exists() and (out / "log" / EPISODES).exists()  # earlier versions wrote no episodes
    if not force and is_complete and read_spec(truth) == spec:
        progress.say(f"{out} holds this world already (size {spec.size}, seed {spec.seed})")
        return
    summary = write_log(spec, out)
    progress.say(
        f"{summary.events:,} events, {summary.exposures:,} exposures of {summary.users:,} users and {summary.items} "
        f"items over {summary.days} days; click rate {summary.ctr:.3f}, churned {summary.churned_share:.1%}, "
        f"bad rows {summary.dirt:,}"
    )


@click.command("simulate")
@click.option("--size", default="small", show_default=True, help="tiny, small, medium or large.")
@click.option("--seed", default=1, show_default=True, help="Root of every random stream.")
@click.option("--null", is_flag=True, help="A true null: clicks follow utility alone, so no label can beat the click.")
@click.option("--kappa", default=0.6, show_default=True, help="How much utility the clickbait of an item costs.")
@click.option("--days", default=270, show_default=True, help="Length of the log in days.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("world"), show_default=True, help="Folder to write."
)
@click.option("--force", is_flag=True, help="Write the world again if it exists.")
def command(size: str, out: Path, force: bool, **settings: Any) -> None:
    """Write a world: pipelines read OUT/log, and only the deployment reads OUT/truth.

    Example: longplay simulate --size small --seed 1 --out world
    """
    progress = Progress()

    def call() -> None:
        with progress.step("simulate"):
            simulate(WorldSpec.from_size(size, **settings), out, progress, force)

    guarded(call)


if __name__ == "__main__":
    command()
