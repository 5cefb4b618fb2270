"""Why a raw row was rejected, in a sentence that names the column of the log."""

from ingest.log_mapping import EpisodesLog, EventsLog, ExposuresLog, LogMapping, UserLog


def build_rejection_messages(log: LogMapping) -> dict[str, str]:
    """A message for every reason to reject a row of this log, filters included.

    The messages are content of the table ``quarantine``: other words are another checksum.
    """
    filters = {rule.reason: f"the source file sets aside rows with: {rule.where}" for rule in log.filters}
    return {**_common(log), **filters, **_specific(log), "duplicate": _duplicate(log)}


def _common(log: LogMapping) -> dict[str, str]:
    or_known_column = f" or '{log.known.column}'" if log.known.column else ""
    null_user = {"null_user": f"the user is missing: column '{log.user}' is empty"} if isinstance(log, UserLog) else {}
    key = ", ".join(f"'{name}'" for name in log.key) if isinstance(log, UserLog) else ""
    null_key = {"null_key": f"the key is missing: {key} holds no value"} if key else {}
    return {
        "malformed_row": "the line does not parse: it has more or fewer cells than the log has columns, bad quotes, or "
        "bytes that are not of its encoding",
        **null_user,
        "null_item": f"the item is missing: column '{log.item}' is empty",
        **null_key,
        "bad_time": f"column '{log.time.column}'{or_known_column} holds no time of the form '{log.time.format}'",
        "future_time": f"column '{log.time.column}' lies at or after the moment at which the log was observed",
    }


def _specific(log: LogMapping) -> dict[str, str]:
    if isinstance(log, ExposuresLog):
        propensity = log.propensity or log.log_propensity
        return {
            "null_request": f"the request is missing: column '{log.request}' is empty",
            "bad_position": f"column '{log.position}' holds no place in a slate: a whole number from 1 on",
            "bad_propensity": f"column '{propensity}' holds no probability above 0 and up to 1",
        }
    if isinstance(log, EpisodesLog):
        size = f"column '{log.season_episodes}'" if log.season_episodes else "the size of its season"
        return {
            "null_episode": f"the episode is missing: column '{log.episode}' is empty",
            "bad_season": f"{size} holds no number of episodes from 1 on",
        }
    assert isinstance(log, EventsLog)
    kind = f"column '{log.kind.column}' holds" if log.kind.column else f"'{log.kind.constant}' is"
    amount = f"column '{log.amount.column}'" if log.amount.column else "the amount"
    return {
        "unknown_kind": f"{kind} no kind that the source file knows: {', '.join(log.kinds)}",
        "bad_amount": f"{amount} holds no number of {log.amount.at_least:g} {log.amount.unit} or more",
    }


def _duplicate(log: LogMapping) -> str:
    key = ", ".join(f"'{name}'" for name in log.identity)
    other = "" if isinstance(log, UserLog) and log.key else "; if other columns tell them apart, name them in 'key'"
    return f"another row of the delivery has the same {key}{other}"
