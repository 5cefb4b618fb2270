"""UI: MLflow on the tracked runs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from jobs.runtime.command_options import guarded
from jobs.runtime.server_process import run_server
from longplay.commands.options import store_option
from longplay.errors import NotFoundError
from longplay.paths import StorePaths
from longplay.server.ports import check_port
from rankers.tracking.mlflow_tracker import Tracker


def comparisons(tracker: Tracker) -> Iterator[tuple[str, str]]:
    """Name of each experiment with runs, and the address of their comparison."""
    for name, run_ids in tracker.finished_runs():
        yield name, tracker.comparison_address(run_ids)


@click.command("ui")
@store_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, show_default=True)
def command(store: Path, host: str, port: int) -> None:
    """Serve MLflow's pages on the runs that 'longplay train' tracked, until Ctrl-C.

    Example: longplay ui --port 5000
    """

    def call() -> None:
        paths = StorePaths.from_address(store)
        database = paths.tracking_database
        if not database.exists():
            raise NotFoundError("No run was tracked yet.", where=str(database), fix="run 'longplay train' first")
        check_port(host, port)
        click.echo(f"MLflow on http://{host}:{port} - Ctrl-C ends it. The rankers of each study side by side:")
        tracker = Tracker(database, paths.tracking_artifacts)
        for name, fragment in comparisons(tracker):
            click.echo(f"  {name}: http://{host}:{port}/{fragment}")
        arguments = ["--backend-store-uri", tracker.uri, "--host", host, "--port", str(port), "--workers", "1"]
        # Longplay submits no jobs to MLflow, so the server starts no workers for them.
        settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        sys.exit(run_server([sys.executable, "-m", "mlflow", "server", *arguments], settings))

    guarded(call)


if __name__ == "__main__":
    command()
