"""Histories: events to daily tiles and sequences, delivery by delivery."""

from collections.abc import Callable

from pyspark.sql import DataFrame

from features import histories
from jobs.runtime.command_options import job_command
from jobs.runtime.deliveries import build_first_seen
from jobs.runtime.incremental import Change, increment
from jobs.runtime.run_context import RunContext
from tables.checkpoint import Checkpoint

_TILES = {"user_days": ["user_id"], "item_days": ["item_id"], "user_item_days": ["user_id", "item_id"]}


def build_histories(context: RunContext) -> None:
    """Add the tiles and sequences of what was delivered since the last time; what is there never changes."""
    makers: dict[str, tuple[str, Callable[[DataFrame], DataFrame]]] = {
        table: ("events", lambda events, keys=keys: histories.build_daily_tiles(events, keys))  # type: ignore[misc]
        for table, keys in _TILES.items()
    }
    makers["item_exposure_days"] = ("exposures", histories.build_exposure_tiles)
    makers["sequences"] = ("events", histories.select_sequences)
    build_first_seen(context)
    for table, (of, make) in makers.items():
        inputs = context.versions(of)

        def build(since: Checkpoint | None, of: str = of, make: Callable[[DataFrame], DataFrame] = make) -> Change:
            facts = context.read(inputs, of).where(f"batch <= {context.batch}")  # noqa: B023 - called at once
            return Change(make(facts if since is None else facts.where(f"batch > {since.batch}")))

        increment(context, table, inputs, {}, build)


@job_command("build-histories", short_help="Events to daily tiles and sequences.")
def command(context: RunContext) -> None:
    """Build the histories of users, items and pairs: daily tiles by event day and known day, and sequences.

    Only what was delivered since the last time is read, and rows are only added: what was known at any earlier moment
    can be read off the tiles' known day. --force builds them anew.

    Example: longplay build-histories --source world
    """
    with context.progress.step("build-histories"):
        build_histories(context)


if __name__ == "__main__":
    command()
