"""Cells as Spark 4.1 was seen to read them, also where quotes are not as RFC 4180 wants them."""

import pytest

from ingest.arrow.cells import Dialect, split_lines, split_rows
from ingest.arrow.json_objects import double_text

DOUBLED, ESCAPED = Dialect(",", '"', '"'), Dialect(",", '"', "\\")
LINES = (
    (DOUBLED, 'a,"b ""c"", d",', ["a", 'b "c", d', ""]),
    (DOUBLED, '13,"', ["13", '"']),
    (DOUBLED, '"ann,song', ["ann,song"]),
    (DOUBLED, '"abc"def,x', ['"abc"def', "x"]),
    (DOUBLED, '"abc" \t,x', ["abc", "x"]),
    (DOUBLED, '"a" b",x', ['"a" b"', "x"]),
    (DOUBLED, '6," "",', ["6", ' ",']),
    (DOUBLED, '312,""\\', ["312", '""\\']),
    (DOUBLED, '5\\" vinyl,x', ['5\\" vinyl', "x"]),
    (DOUBLED, '54,"\\",', ["54", "\\", ""]),
    (ESCAPED, '54,"\\",', ["54", '",']),
    (ESCAPED, '55,"\\\\b"', ["55", "\\b"]),
    (Dialect("\t", "", ""), 'cat\t"Heroes" (live', ["cat", '"Heroes" (live']),
)


@pytest.mark.parametrize(("dialect", "line", "cells"), LINES)
def test_a_line_of_cells(dialect: Dialect, line: str, cells: list[str]) -> None:
    assert list(split_lines(iter([line]), dialect)) == [(cells, line)]


ROWS = (
    (["a,b\n", " \t\n", "\n", "c\n"], [(["a", "b"], "a,b"), ([" \t"], " \t"), (["c"], "c")]),
    (['1,"\r\n', 'b"\r\n', "\r\n"], [(["1", "\nb"], '1,"\r\nb"')]),
    (["\\\n", "\r\n"], [(["\\"], "\\"), (["\r"], "")]),
    (['1,"b\n', "a \n", "a,"], [(["1", "b\na \na,"], '1,"b\na \na,')]),
)


@pytest.mark.parametrize(("lines", "rows"), ROWS)
def test_rows_of_several_lines(lines: list[str], rows: list[tuple[list[str], str]]) -> None:
    assert list(split_rows(iter(lines), DOUBLED)) == rows


def test_doubles_are_text_as_java_writes_it() -> None:
    numbers = (0.0, -0.0, 0.001, 1e-05, -1.25e-07, 1e7, 12345678.9, 1.5e300, 9999999.5, float("-inf"))
    texts = "0.0 -0.0 0.001 1.0E-5 -1.25E-7 1.0E7 1.23456789E7 1.5E300 9999999.5 -Infinity"
    assert list(map(double_text, numbers)) == texts.split()
