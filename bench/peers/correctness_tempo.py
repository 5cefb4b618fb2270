"""Contender: tempo on the hard cases (dbl-tempo 0.1.30).

Facts carry a sequence number, as tempo's guide advises for rows with equal times: in order of ``event_ts``,
``known_ts`` and ``x0``. tempo has no known time; with ``by_known`` a fact's time is when it first became visible, which
is as close as one time column can come.
"""

from typing import Any

import pyarrow.parquet as pq
from pyspark.sql import Window
from pyspark.sql import functions as F
from tempo import TSDF

from bench.contender import serve
from bench.spark_session import session

spark = session(**{"spark.driver.memory": "2g"})


def run(request: dict[str, Any]) -> dict[str, Any]:
    keys, options = request["keys"], request["options"]
    sequence = F.row_number().over(Window.partitionBy(*keys).orderBy("event_ts", "known_ts", "x0"))
    facts = spark.read.parquet(request["folder"] + "/facts.parquet").withColumn("sequence", sequence)
    if options.get("by_known"):
        facts = facts.withColumn("event_ts", F.greatest("event_ts", "known_ts"))
    spine = spark.read.parquet(request["folder"] + "/spine.parquet").withColumnRenamed("as_of", "event_ts")
    left = TSDF(spine, ts_col="event_ts", partition_cols=keys)
    right = TSDF(facts.drop("known_ts"), ts_col="event_ts", partition_cols=keys, sequence_col="sequence")
    joined = left.asofJoin(right, right_prefix="r", skipNulls=options["skip_nulls"], suppress_null_warning=True).df
    payload = [F.col(f"r_x{n}").alias(f"x{n}") for n in range(request["columns"])]
    pq.write_table(joined.select(*keys, F.col("event_ts").alias("as_of"), *payload).toArrow(), request["answer"])
    return {}


if __name__ == "__main__":
    serve(run)
