"""Spark Connect: whether an address is one, and whether a server answers there."""

from pyspark.errors import PySparkException

from longplay.errors import ConfigError, EnvironmentProblem, first_line

CONNECT = "sc://"
ANSWER_SECONDS = 20


def check_server(address: str) -> None:
    """See that a Spark Connect server answers: PySpark itself would try for ten minutes.

    Raises:
        ConfigError: when the address is none.
        EnvironmentProblem: when nothing answers there.
    """
    import grpc  # both cost a second, and only Spark Connect wants them
    from pyspark.sql.connect.client import DefaultChannelBuilder

    try:
        channel = DefaultChannelBuilder(address).toChannel()
    except (PySparkException, ValueError) as error:
        fix = "write sc://HOST:PORT, with ;key=value after a / where needed"
        raise ConfigError(
            "This is no Spark Connect address.", where="spark.master", got=first_line(error), fix=fix
        ) from error
    try:
        grpc.channel_ready_future(channel).result(timeout=ANSWER_SECONDS)
    except grpc.FutureTimeoutError as error:
        raise EnvironmentProblem(
            "No Spark Connect server answers.",
            where=address,
            got=f"nothing for {ANSWER_SECONDS} s",
            fix="start one (docs/how-to/engines.md says how), or name another Spark: --set spark.master=local[*]",
        ) from error
    finally:
        channel.close()
