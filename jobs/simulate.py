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
    """Write the world's log to ``out/log`` and its hidden truth to ``out/truth``, unless they are there."""
    truth = out / "truth" / "world.json"
    is_whole = truth.exists() and (out / "log" / EPISODES).exists()  # worlds of earlier versions lack their episodes
    if not force and is_whole and read_spec(truth) == spec:
        progress.say(f"{out} holds this world already (size {spec.size}, seed {spec.seed})")
        return
    done = write_log(spec, out)
    progress.say(
        f"{done.events:,} events, {done.exposures:,} exposures of {done.users:,} users and {done.items} items over "
        f"{done.days} days; click rate {done.ctr:.3f}, churned {done.churned_share:.1%}, bad rows {done.dirt:,}"
    )


@click.command("simulate", short_help="Write the raw log of a simulated streaming service.")
@click.option("--size", default="small", show_default=True, help="tiny, small, medium or large.")
@click.option("--seed", default=1, show_default=True, help="Root of every random stream.")
@click.option("--null", is_flag=True, help="A true null: clicks follow utility alone, so no label can beat the click.")
@click.option(
    "--kappa", default=0.6, show_default=True, help="How much of an item's clickbait is paid back in utility."
)
@click.option("--days", default=270, show_default=True, help="Length of the log.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("world"), show_default=True, help="Folder to write."
)
@click.option("--force", is_flag=True, help="Write it again.")
def command(size: str, out: Path, force: bool, **dials: Any) -> None:
    """Write a world: OUT/log is what a pipeline may read, OUT/truth what only the deployment knows.

    Example: longplay simulate --size small --seed 1 --out world
    """
    progress = Progress()

    def call() -> None:
        with progress.step("simulate"):
            simulate(WorldSpec.from_size(size, **dials), out, progress, force)

    guarded(call)


if __name__ == "__main__":
    command()
