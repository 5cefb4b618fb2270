"""What is known of the data themselves: how much came in each day, outages of the log, and metrics of tables."""

from tables.contract import load

DAY_COUNTS = load("day_counts")
OUTAGES = load("outages")
QUALITY_METRICS = load("quality_metrics")
