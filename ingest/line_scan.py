"""A look at the lines of text files before they are parsed: how they must be read, and whether all bytes are text."""

import re
from dataclasses import dataclass

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ingest.raw_columns import in_all_folders
from tables.spark import escape_glob

REPLACEMENT = "\ufffd"
"""What a parser puts in the place of bytes that are no text."""


@dataclass(frozen=True)
class LineScan:
    """What the lines of a log show.

    Attributes:
        has_line_breaks_in_cells: whether quoted cells go on in the next line.
        has_undecodable_bytes: whether ``REPLACEMENT`` in a cell stands for bytes that are not of the encoding.
    """

    has_line_breaks_in_cells: bool
    has_undecodable_bytes: bool


def scan_lines(spark: SparkSession, path: str, quote: str, escape: str | None, encoding: str) -> LineScan:
    """Scan the files of a log. Starts a Spark job that reads the text once.

    A cell over several lines leaves a quote open in its first line and closes it in its last, so a file has an even
    number of lines with an odd number of quotes. If it has an odd number, a quote is never closed: the log is read line
    by line, so that the quote costs its own row and not all that follow.

    Args:
        spark: the session.
        path: file or folder.
        quote: what encloses cells; empty: nothing does.
        escape: what stands before a quote inside a cell, if it is not the quote itself.
        encoding: of the text, as Java calls it.
    """
    if encoding.lower().startswith(("utf-16", "utf-32")):
        return LineScan(bool(quote), False)  # a byte that ends a line may be half of another character
    is_utf8 = encoding.lower() in ("utf-8", "utf8")
    line = F.col("value")
    if quote and escape not in (None, quote):
        line = F.regexp_replace(line, f"{re.escape(str(escape))}.", "")  # an escaped quote ends no cell
    # Counted in bytes: text that is not UTF-8 has no count of characters.
    quotes = F.octet_length(line) - F.octet_length(F.replace(line, F.lit(quote), F.lit(""))) if quote else F.lit(0)
    is_undecodable = ~F.is_valid_utf8("value") if is_utf8 else F.lit(False)
    lines = in_all_folders(spark.read, path).text(escape_glob(path))
    by_file = lines.groupBy(lines.metadataColumn("_metadata").getField("file_path")).agg(
        F.count_if(quotes % 2 == 1).alias("open"), F.count_if(is_undecodable).alias("undecodable")
    )
    counts = by_file.agg(F.sum("open"), F.count_if(F.col("open") % 2 == 1), F.sum("undecodable")).first()
    assert counts is not None
    open_lines, files_with_an_open_quote, undecodable = (int(count or 0) for count in counts)
    # Text in UTF-8 may hold the character itself; other encodings lack it.
    return LineScan(open_lines > 0 and files_with_an_open_quote == 0, undecodable > 0 or not is_utf8)
