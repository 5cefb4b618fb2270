"""Spark Connect: checks that a server answers at an address, and opens sessions there."""

import warnings
from typing import Any, cast

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from longplay.config.redaction import redact
from longplay.errors import ConfigError, EnvironmentProblem, first_line

CONNECT_SCHEME = "sc://"
ANSWER_TIMEOUT_S = 20
Options = dict[str, bool | float | int | str | None]


def connect(address: str, options: Options, *, retries: bool = True) -> SparkSession:
    """Open a session.

    Args:
        address: of a server that answers.
        options: of the session.
        retries: whether to try again for ten minutes where the server ceases to answer.
    """
    # The client prints warnings about windows; Spark itself logs them, where log_level suppresses them.
    warnings.filterwarnings("ignore", "WARN WindowExpression")
    session = SparkSession.builder.remote(address).config(map=options).getOrCreate()
    if not retries:
        client = cast(Any, session).client
        client.set_retry_policies([])
    return session


def check_server(address: str) -> None:
    """Check that a Spark Connect server answers: PySpark itself would try for ten minutes.

    Raises:
        ConfigError: when the address is malformed.
        EnvironmentProblem: when nothing answers there.
    """
    import grpc  # both cost a second, and only Spark Connect needs them
    from pyspark.sql.connect.client import DefaultChannelBuilder

    try:
        channel = DefaultChannelBuilder(address).toChannel()
    except (PySparkException, ValueError) as error:
        fix = "write sc://HOST:PORT, with ;key=value after a / where needed"
        raise ConfigError(
            "This is not a Spark Connect address.", where="spark.master", got=redact(first_line(error)), fix=fix
        ) from error
    try:
        grpc.channel_ready_future(channel).result(timeout=ANSWER_TIMEOUT_S)
    except grpc.FutureTimeoutError as error:
        raise EnvironmentProblem(
            "No Spark Connect server answers.",
            where=redact(address),
            got=f"nothing for {ANSWER_TIMEOUT_S} s",
            fix="start one (docs/how-to/engines.md says how), or name another Spark: --set spark.master=local[*]",
        ) from error
    finally:
        channel.close()
