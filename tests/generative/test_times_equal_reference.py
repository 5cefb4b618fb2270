"""Random time texts in twelve zones: Spark reads each as the plain-Python reader does."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ingest.times import parse_time
from tests.reference.times_by_hand import iso_by_hand

ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
    "Asia/Kolkata", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Apia", "Europe/Dublin", "Asia/Kathmandu",
)  # fmt: skip
NAMED = (
    "Z",
    "z",
    "UTC",
    "GMT",
    "UT",
    "CET",
    "EST",
    "PST",
    "IST",
    "XYZ",
    "Europe/Paris",
    "America/Sao_Paulo",
    "Mars/Base",
)
ODD = (
    "",
    "soon",
    "1714766400",
    "20240503",
    "12:00",
    "2024",
    "2024-05",
    "2024-W18-5",
    "2024-124",
    "T12:00",
    "NaT",
    "null",
)


def random_texts(count: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    yield from ODD
    for _ in range(count - len(ODD)):
        text = random_date(rng) + random_clock(rng)
        if rng.random() < 0.05:  # one character changed
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice("0159:-+TZ.,/ x[]") + text[at + 1 :]
        yield " " * rng.choice((0, 0, 0, 1)) + text + " " * rng.choice((0, 0, 0, 2))


def random_date(rng: random.Random) -> str:
    year, month, day = rng.choice((1899, 1970, 2024, 2024, 2025, 2026, 9999)), rng.randint(1, 12), rng.randint(1, 31)
    if rng.random() < 0.2:  # a day on which some clocks change
        year, month, day = rng.choice(((2024, 3, 31), (2024, 10, 27), (2024, 3, 10), (2024, 11, 3), (2024, 4, 7)))
    return rng.choice(
        (
            f"{year}-{month:02}-{day:02}",
            f"{year}-{month:02}-{day:02}",
            f"{year}{month:02}{day:02}",
            f"{year}-{month}-{day}",
        )
    )


def random_clock(rng: random.Random) -> str:
    if rng.random() < 0.1:
        return ""
    hour, minute, second = (
        rng.choice((0, 1, 2, 3, 12, 23, 24, 25)),
        rng.choice((0, 0, 15, 30, 59, 60)),
        rng.choice((0, 0, 7, 59, 60)),
    )
    fraction = rng.choice(("", "", "", ".5", ",5", ".123456", ".123456789", ".999999999", ",000"))
    clock = rng.choice(
        (
            f"{hour:02}:{minute:02}:{second:02}{fraction}", f"{hour:02}:{minute:02}:{second:02}{fraction}",
            f"{hour:02}:{minute:02}", f"{hour:02}{minute:02}{second:02}{fraction}", f"{hour:02}{minute:02}",
            f"{hour:02}", f"{hour}:{minute:02}:{second:02}",
        )
    )  # fmt: skip
    return rng.choice("TTt ") + clock + rng.choice(("", "", " ")) + random_zone(rng)


def random_zone(rng: random.Random) -> str:
    sign, hours, minutes = rng.choice("+-"), rng.choice((0, 1, 5, 9, 14, 18, 19)), rng.choice((0, 0, 30, 45, 75))
    offset = rng.choice(
        (f"{sign}{hours:02}:{minutes:02}", f"{sign}{hours:02}{minutes:02}", f"{sign}{hours:02}", f"{sign}{hours}")
    )
    return rng.choice(
        (
            "",
            "",
            "Z",
            offset,
            offset,
            offset + ":30",
            "UTC" + offset,
            rng.choice(NAMED),
            f"[{rng.choice(NAMED)}]",
            offset + "[Europe/Paris]",
        )
    )


@pytest.mark.spark
def test_iso_texts_are_read_as_by_hand(spark: SparkSession) -> None:
    texts = list(random_texts(20_000, seed=4))
    rows = spark.createDataFrame(list(enumerate(texts)), "number int, text string")
    micros = [F.unix_micros(parse_time(F.col("text"), "iso", zone)).alias(zone) for zone in ZONES]
    differences, readable = [], 0
    for row in rows.select("number", *micros).collect():
        for zone in ZONES:
            expected = iso_by_hand(texts[row["number"]], zone)
            readable += expected is not None
            if row[zone] != (None if expected is None else in_micros(expected)):
                differences.append((texts[row["number"]], zone, row[zone], expected))
    assert differences[:20] == []
    assert 0.2 < readable / (len(texts) * len(ZONES)) < 0.8


def in_micros(moment: datetime) -> int:
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
