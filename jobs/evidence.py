"""Evidence: the verdict over several worlds, and over true nulls in which no label can beat the click."""

import json
from collections.abc import Sequence
from dataclasses import replace

import click
from rich.table import Table

from experiments.analysis.estimators import Estimate
from experiments.analysis.verdict import PooledFamily, Verdict, pool_families
from jobs.run import run
from jobs.runtime.command_options import job_command
from jobs.runtime.run_context import RunContext
from jobs.simulate import simulate
from jobs.verdict import write_report
from longplay.commands.full_width import print_full_width
from longplay.errors import ConfigError
from longplay.paths import StorePaths
from worlds.spec import WorldSpec


def evidence(context: RunContext, size: str, seeds: Sequence[int], nulls: bool) -> dict[str, tuple[PooledFamily, ...]]:
    """Run the pipeline for every seed, in real worlds and (with ``nulls``) in true nulls, and pool the verdicts.

    The report of every world is written again with the pooled result of its kind of world.
    """
    pooled = {}
    for kind in ("real", "null") if nulls else ("real",):
        contexts = [_world_context(context, kind, seed) for seed in seeds]
        specs = [WorldSpec.from_size(size, seed=seed, null=kind == "null") for seed in seeds]
        verdicts = [_run_world(own, spec) for own, spec in zip(contexts, specs, strict=True)]
        pooled[kind] = pool_families(verdicts)
        for own, verdict in zip(contexts, verdicts, strict=True):
            write_report(own, verdict, pooled[kind])
        print_full_width(_table(kind, seeds, verdicts, pooled[kind]), context.progress.console)
    file = StorePaths(context.root).evidence
    summaries = {kind: {family.family: family.summary for family in families} for kind, families in pooled.items()}
    file.write_text(json.dumps(summaries, indent=1), encoding="utf-8")
    context.progress.console.print(f"written: {file}; every world has its own report and tables below {context.root}")
    return pooled


def _world_context(context: RunContext, kind: str, seed: int) -> RunContext:
    return replace(context, root=StorePaths(context.root).evidence_store(kind, seed), session=context.spark)


def _run_world(context: RunContext, spec: WorldSpec) -> Verdict:
    context.progress.console.rule(f"{context.root.name.replace('-', ' world, seed ')}")
    world = StorePaths(context.root).world
    simulate(spec, world, context.progress)
    verdict = run(context, world / "log")
    assert verdict is not None, "the truth of a world lies next to its log"
    return verdict


def _table(kind: str, seeds: Sequence[int], verdicts: Sequence[Verdict], pooled: Sequence[PooledFamily]) -> Table:
    title = f"{kind} world: survival, return-trained minus click-trained (95% interval)"
    table = Table("family", *[f"seed {seed}" for seed in seeds], "pooled", title=title)
    for number, family in enumerate(pooled):
        cells = [_cell(v.families[number].survival) for v in verdicts]
        table.add_row(family.family, *cells, family.summary)
    return table


def _cell(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} ({estimate.low:+.3f}, {estimate.high:+.3f})"


@job_command("evidence")
@click.option("--size", default="small", show_default=True, help="Size of each world.")
@click.option("--seeds", default="1,2,3", show_default=True, help="Seeds of the worlds, separated by commas.")
@click.option("--nulls/--no-nulls", default=True, show_default=True, help="Also run the true null of each seed.")
def command(context: RunContext, size: str, seeds: str, nulls: bool) -> None:
    """Run the pipeline in several worlds and pool their verdicts. This takes minutes a world.

    Example: longplay evidence --source world --store evidence --set deploy.users=5000
    """
    try:
        numbers = [int(part) for part in seeds.split(",")]
    except ValueError as error:
        raise ConfigError("--seeds takes whole numbers separated by commas.", got=seeds, fix="--seeds 1,2,3") from error
    evidence(context, size, numbers, nulls)


if __name__ == "__main__":
    command()
