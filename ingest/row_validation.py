"""Validates raw rows: finds every reason to reject a row. Pure transforms.

A row counts under the first reason that applies, in this order: malformed_row, null_user, null_item, null_key,
bad_time, future_time, the source's filters in their order, unknown_kind, bad_amount, null_request, bad_position,
bad_propensity, null_episode, bad_season, duplicate.
"""

from collections.abc import Mapping
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ingest.derived_columns import text_columns
from ingest.log_mapping import EpisodesLog, EventsLog, ExposuresLog, LogMapping, QuarantineFilter, UserLog
from ingest.raw_columns import FILE, MALFORMED, RAW_JSON_OPTIONS, check_analysis, raw_column, raw_columns, text_column
from ingest.rejection_messages import build_rejection_messages
from ingest.row_identity import row_key
from ingest.source_config import Source
from ingest.times import time_column
from longplay.definitions.expression import columns_of, compile_row_filter
from longplay.definitions.sql_functions import folded
from longplay.errors import ConfigError, nearest

MALFORMED_ROW, DUPLICATE = "malformed_row", "duplicate"
_NO_KEY = "_no_key"
ORIGIN = "_origin"
"""Column of repaired rows: the ``row_id`` that the row had in quarantine."""
NO_USER = "(no user)"
"""User of all rows of a log without users."""
MAX_AMOUNT = 3.4e38
"""Rankers read features as 32-bit floats, in which larger numbers are infinite."""


def validate_rows(raw: DataFrame, source: Source, log: LogMapping, observed_at: datetime) -> DataFrame:
    """Raw rows with the columns that all logs share, their ``reasons`` and the first ``reason`` (null: clean).

    Args:
        raw: one raw log. Grain: raw row.
        source: the source that it belongs to.
        log: its mapping.
        observed_at: rows with event times at or after this moment (UTC) get the reason ``future_time``.

    Returns:
        Grain: raw row. ``raw`` is the row as JSON, ``raw_schema`` its type, ``message`` explains the first reason, and
        ``file`` is the row's file; all are null for clean rows. ``key`` is a hash of the source's key columns.
        ``_origin`` is passed through if the raw rows have it.
    """
    mapped = _map_columns(raw, source, log)
    ranked = _rank_within_key(mapped, _condition_by_reason(observed_at, log))
    reasons = F.when(F.col("_rank") > 1, F.concat("_bad", F.array(F.lit(DUPLICATE)))).otherwise(F.col("_bad"))
    validated = ranked.withColumn("reasons", reasons)
    # Only rejected rows need their raw form, for quarantine.
    is_rejected = F.size("reasons") > 0
    as_json = F.when(is_rejected, F.to_json("_raw", RAW_JSON_OPTIONS))
    validated = validated.withColumns({"reason": F.try_element_at("reasons", F.lit(1)), "_json": as_json})
    messages = F.create_map(*[F.lit(text) for pair in build_rejection_messages(log).items() for text in pair])
    # Rows with equal content need different ids: repaired rows differ by origin, all others by rank.
    identity = ("_json", ORIGIN) if ORIGIN in mapped.columns else ("_json", "_rank")
    return validated.select(
        *[c for c in mapped.columns if c not in ("_raw", FILE, _NO_KEY) and not c.startswith("_filter_")],
        "reasons",
        "reason",
        F.try_element_at(messages, "reason").alias("message"),
        F.col("_json").alias("raw"),
        F.when(is_rejected, F.lit(mapped.schema["_raw"].dataType.json())).alias("raw_schema"),
        F.when(is_rejected, F.col(FILE)).alias("file"),
        F.sha2(F.to_json(F.struct(*identity)), 256).alias("row_id"),
    )


def _condition_by_reason(observed_at: datetime, log: LogMapping) -> dict[str, Column]:
    """The condition under which each reason but ``duplicate`` applies, in order of precedence."""
    filters = {rule.reason: F.col(f"_filter_{rule.reason}") for rule in log.filters}
    return {**_common_conditions(observed_at, log), **filters, **_specific_conditions(log)}


def _rank_within_key(mapped: DataFrame, condition_by_reason: Mapping[str, Column]) -> DataFrame:
    """Rows with the reasons that apply, as ``_bad``, and their rank among the rows of their key, as ``_rank``."""
    flags = [F.when(condition, F.lit(reason)) for reason, condition in condition_by_reason.items()]
    marked = mapped.withColumns({"_bad": F.array_compact(F.array(*flags)), "_any": _tie_breaker(mapped)})
    # Clean rows first: the first row of a key is kept, and the others are its duplicates.
    ties = [F.col("_any"), *([F.col(ORIGIN)] if ORIGIN in mapped.columns else [])]
    order = Window.partitionBy("key").orderBy("_is_bad", "known_ts", "event_ts", *ties)
    return marked.withColumn("_is_bad", F.size("_bad") > 0).withColumn("_rank", F.row_number().over(order))


def list_reasons(log: LogMapping) -> list[str]:
    """Every reason for which a row of this log can be rejected, in order of precedence."""
    return [*_condition_by_reason(datetime.max, log), DUPLICATE]


def _map_columns(raw: DataFrame, source: Source, log: LogMapping) -> DataFrame:
    event_ts = time_column(raw, log.time.column, log.time.format, source.time_zone)
    if log.known.column:
        log_knew_ts = time_column(raw, log.known.column, log.known.format, source.time_zone)
    else:
        zero, delay_s = F.lit(0), F.lit(log.known.delay.total_seconds())
        log_knew_ts = event_ts + F.make_dt_interval(zero, zero, zero, delay_s)
    # The raw row goes into a struct: its columns may have the same names as Longplay's.
    return raw.select(
        F.struct(*raw_columns(raw, MALFORMED, FILE, ORIGIN, *log.derived_names)).alias("_raw"),
        *[F.col(name) for name in (MALFORMED, FILE, ORIGIN) if name in raw.columns],
        *[condition.alias(f"_filter_{reason}") for reason, condition in _filter_conditions(raw, log).items()],
        row_key(raw, source, log).alias("key"),
        *_id_columns(raw, log),
        *_key_presence(raw, log),
        event_ts.alias("event_ts"),
        log_knew_ts.alias("_known"),
        *_specific_columns(raw, log),
    ).withColumn("known_ts", F.greatest("event_ts", "_known"))


def _tie_breaker(mapped: DataFrame) -> Column:
    """A hash of the raw row that orders rows with equal times. Spark cannot hash maps, so it hashes those as JSON."""
    has_map = "map<" in dict(mapped.dtypes)["_raw"]
    return F.xxhash64(F.to_json("_raw") if has_map else F.col("_raw"))


def _id_columns(raw: DataFrame, log: LogMapping) -> list[Column]:
    """User, item, topic, request and surface. Releases of episodes have only an item."""
    user, *others = (log.user, log.topic, log.request, log.surface) if isinstance(log, UserLog) else (None,) * 4
    raw_names = {
        "user_id": user,
        "item_id": log.item,
        **dict(zip(("topic_", "request_id", "surface_"), others, strict=True)),
    }
    columns = {name: text_column(raw, column) for name, column in raw_names.items()}
    if isinstance(log, UserLog) and user is None:
        columns["user_id"] = F.lit(NO_USER)
    return [column.alias(name) for name, column in columns.items()]


def _key_presence(raw: DataFrame, log: LogMapping) -> list[Column]:
    """Whether a row has no value in any column of its key, for logs with a key."""
    if not isinstance(log, UserLog) or not log.key:
        return []
    return [F.coalesce(*[text_column(raw, column) for column in log.key]).isNull().alias(_NO_KEY)]


def _common_conditions(observed_at: datetime, log: LogMapping) -> dict[str, Column]:
    """The conditions of reasons that all kinds of logs share."""
    is_future = F.col("event_ts") >= F.lit(observed_at) if observed_at != datetime.max else F.lit(False)
    return {
        MALFORMED_ROW: F.col(MALFORMED),
        **({"null_user": F.col("user_id").isNull()} if isinstance(log, UserLog) else {}),
        "null_item": F.col("item_id").isNull(),
        **({"null_key": F.col(_NO_KEY)} if isinstance(log, UserLog) and log.key else {}),
        "bad_time": F.col("event_ts").isNull() | F.col("_known").isNull(),
        "future_time": is_future,
    }


def _filter_conditions(raw: DataFrame, log: LogMapping) -> dict[str, Column]:
    return {rule.reason: F.coalesce(_condition(raw, rule), F.lit(False)) for rule in log.filters}


def _condition(raw: DataFrame, rule: QuarantineFilter) -> Column:
    what, where = f"The filter '{rule.reason}' cannot be applied to the log.", f"key filters, where: {rule.where}"
    fix = "write a Spark SQL condition over the log's own columns"
    # Without this check, Spark would resolve a missing column such as current_date to its own function.
    names = {folded(name) for name in raw.columns}
    if missing := sorted(name for name in columns_of(rule.where) if folded(name) not in names):
        got = f"no column '{missing[0]}'; {nearest(missing[0], raw.columns)}"
        raise ConfigError(what, where=where, got=got, fix=fix)
    condition = F.expr(compile_row_filter(rule.where, text_columns(raw)).sql)
    check_analysis(lambda: raw.where(condition).select(F.lit(True)), what, where, fix)
    return condition


def _specific_columns(raw: DataFrame, log: LogMapping) -> list[Column]:
    """The columns that only one kind of log has."""
    if isinstance(log, ExposuresLog):
        number = raw_column(log.log_propensity or log.propensity or "").try_cast("double")
        return [
            raw_column(log.position).try_cast("int").alias("position_"),
            text_column(raw, log.policy).alias("policy_"),
            (F.exp(number) if log.log_propensity else number).alias("propensity_"),
        ]
    if isinstance(log, EpisodesLog):
        size = log.season_episodes
        return [
            text_column(raw, log.episode).alias("episode_"),
            text_column(raw, log.season).alias("season_"),
            (raw_column(size).try_cast("int") if size else F.lit(None).cast("int")).alias("season_episodes_"),
            (raw_column(size).isNotNull() if size else F.lit(False)).alias("_size_given"),
        ]
    assert isinstance(log, EventsLog)
    kind = text_column(raw, log.kind.column) if log.kind.column else F.lit(log.kind.constant)
    name = log.amount.column
    amount = raw_column(name).try_cast("double") if name else F.lit(log.amount.constant).cast("double")
    given = raw_column(name).isNotNull() if name else F.lit(False)
    episode = text_column(raw, log.episode).alias("episode_")
    return [kind.alias("kind_"), amount.alias("amount_"), given.alias("_amount_given"), episode]


def _specific_conditions(log: LogMapping) -> dict[str, Column]:
    """The conditions of reasons that only one kind of log has."""
    if isinstance(log, ExposuresLog):
        propensity = F.col("propensity_")
        return {
            "null_request": F.col("request_id").isNull(),
            "bad_position": F.coalesce(F.col("position_") < 1, F.lit(True)),
            "bad_propensity": F.coalesce((propensity <= 0) | (propensity > 1 + 1e-9), F.lit(True)),
        }
    if isinstance(log, EpisodesLog):
        bad_size = F.col("_size_given") & F.coalesce(F.col("season_episodes_") < 1, F.lit(True))
        return {"null_episode": F.col("episode_").isNull(), "bad_season": bad_size}
    assert isinstance(log, EventsLog)
    amount = F.col("amount_")
    is_unparsed = F.col("_amount_given") & amount.isNull()
    is_not_finite = F.isnan(amount) | (F.abs(amount) > MAX_AMOUNT)
    is_out_of_range = F.coalesce((amount < log.amount.at_least) | is_not_finite, F.lit(False))
    is_unknown_kind = ~F.coalesce(F.col("kind_").isin(*log.kinds), F.lit(False))
    return {"unknown_kind": is_unknown_kind, "bad_amount": is_unparsed | is_out_of_range}
