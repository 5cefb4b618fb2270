"""Reads lines whose columns lie at fixed places, as mainframes and old databases export them."""

import codecs
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ingest.raw_columns import CORRUPT, FILE, MALFORMED, in_all_folders, with_file_names
from tables.spark import escape_glob

_LINE = "value"


def read_fixed_width(
    spark: SparkSession, path: str, columns: Sequence[str], widths: Sequence[int], encoding: str
) -> DataFrame:
    """The lines of a file or folder as rows of trimmed text; empty lines are none. Grain: line.

    A line that ends before its last column begins, has text beyond it, or holds bytes that are not of the encoding is
    marked and kept.

    Args:
        spark: the session.
        path: file or folder.
        columns: names of the columns, from left to right.
        widths: how many characters each takes.
        encoding: of the text; a line must end in the byte of a line feed.
    """
    read = with_file_names(in_all_folders(spark.read, path).text(escape_glob(path)), path)
    is_utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
    # The reader of text hands on the bytes of a line as they are.
    line = F.col(_LINE) if is_utf8 else F.decode(F.col(_LINE).cast("binary"), encoding)
    is_valid = F.is_valid_utf8(_LINE) if is_utf8 else F.lit(True)
    lines = read.withColumn("_is_valid", is_valid).withColumn(_LINE, F.rtrim(line, F.lit("\r\ufeff")))
    lines = lines.withColumn(_LINE, F.ltrim(F.col(_LINE), F.lit("\ufeff"))).where(F.trim(_LINE) != "")
    starts = [1 + sum(widths[:n]) for n in range(len(widths))]
    cells = [
        F.nullif(F.trim(F.substring(_LINE, start, width)), F.lit("")).alias(name)
        for name, start, width in zip(columns, starts, widths, strict=True)
    ]
    end = sum(widths)
    is_whole = (F.length(_LINE) >= starts[-1]) & (F.trim(F.substring(_LINE, end + 1, F.length(_LINE))) == "")
    is_malformed = ~(F.col("_is_valid") & is_whole)
    folders = [name for name in read.columns if name not in (_LINE, FILE)]
    return lines.select(
        *cells, *folders, FILE, is_malformed.alias(MALFORMED), F.when(is_malformed, F.col(_LINE)).alias(CORRUPT)
    )
