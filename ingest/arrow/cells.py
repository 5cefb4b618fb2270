"""Splits text into rows of cells by the rules of Spark's parser, also where quotes are not as RFC 4180 wants them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from ingest.record_count import JAVA_BLANKS


@dataclass(frozen=True)
class Dialect:
    """How cells are written. ``quote`` may be empty; ``escape`` is the quote itself where quotes are doubled."""

    delimiter: str
    quote: str
    escape: str

    @cached_property
    def quoted(self) -> re.Pattern[str]:
        """A quoted cell as RFC 4180 has it."""
        quote, escape, delimiter = map(re.escape, (self.quote, self.escape, self.delimiter))
        inner = rf"[^{quote}{escape}]|{escape}{quote}|{escape}{escape}"
        return re.compile(rf"{quote}((?:{inner})*+){quote}(?={delimiter}|\r?\n|\Z)")

    @cached_property
    def escaped(self) -> re.Pattern[str]:
        """An escaped quote or escape."""
        return re.compile(f"{re.escape(self.escape)}([{re.escape(self.quote + self.escape)}])")


def split_lines(lines: Iterator[str], dialect: Dialect) -> Iterator[tuple[list[str], str]]:
    """The cells and the text of each line. Blank lines are no rows; a quote that is not closed ends with its line."""
    for line in lines:
        text = line.removesuffix("\n")
        if text.strip(JAVA_BLANKS):
            yield _split(text, dialect, lambda: ""), text


def split_rows(lines: Iterator[str], dialect: Dialect) -> Iterator[tuple[list[str], str]]:
    """The cells and the text of each row. Quoted cells go on in the next line; a line without a letter is no row.

    Args:
        lines: with their ends. Where the first ends in CR LF, CR LF is one line feed, also in cells.
        dialect: how cells are written.
    """
    first = next(lines, "")
    has_cr = first.endswith("\r\n")
    for line in chain([first], lines):
        texts = [line]

        def take_line(texts: list[str] = texts) -> str:
            texts.append(next(lines, ""))
            return _normal_end(texts[-1], has_cr)

        start = _normal_end(line, has_cr)
        if start not in ("", "\n"):
            yield _split(start, dialect, take_line), "".join(texts).removesuffix("\n").removesuffix("\r")


def _normal_end(line: str, has_cr: bool) -> str:
    return f"{line[:-2]}\n" if has_cr and line.endswith("\r\n") else line


def _split(line: str, dialect: Dialect, take_line: Callable[[], str]) -> list[str]:
    if not dialect.quote or dialect.quote not in line:
        return line.removesuffix("\n").split(dialect.delimiter)
    return _QuotedRow(line, dialect, take_line).split()


class _QuotedRow:
    """A row that holds quotes. ``line`` is what was taken of it, ``at`` the place of the next character."""

    def __init__(self, line: str, dialect: Dialect, take_line: Callable[[], str]) -> None:
        self.line, self.dialect, self.take_line, self.at = line, dialect, take_line, 0
        self.previous = self.character = ""
        self.text: list[str] = []

    def split(self) -> list[str]:
        cells = [self._cell()]
        while self.line.startswith(self.dialect.delimiter, self.at):
            self.at += 1
            cells.append(self._cell())
        return cells

    def _cell(self) -> str:
        if not self.line.startswith(self.dialect.quote, self.at):
            return self._take_rest()
        regular = self.dialect.quoted.match(self.line, self.at)
        if regular is not None:
            self.at = regular.end()
            return self.dialect.escaped.sub(r"\1", regular[1])
        return self._irregular_cell()

    def _take_rest(self) -> str:
        """The text up to the next delimiter or the end of the line, whatever it holds."""
        end = self.line.find(self.dialect.delimiter, self.at)
        line_end = self.line.find("\n", self.at)
        line_end = len(self.line) if line_end < 0 else line_end
        begin, self.at = self.at, line_end if end < 0 else min(end, line_end)
        return self.line[begin : self.at]

    def _advance(self) -> None:
        """Go on by one character, in the next line where this one ends.

        Raises:
            EOFError: at the end of the file.
        """
        if self.at == len(self.line):
            self.line, self.at = self.take_line(), 0
            if not self.line:
                raise EOFError
        self.character = self.line[self.at]
        self.at += 1

    def _irregular_cell(self) -> str:
        """A quoted cell that may hold quotes that are not escaped, blanks after its end, or no end."""
        quote = self.dialect.quote
        self.previous, self.text = "", []
        is_unescaped = False
        try:
            self._advance()
            self._advance()
            while self.previous != quote or self.character not in JAVA_BLANKS + self.dialect.delimiter:
                if self.character in (quote, self.dialect.escape):
                    self._take_special()
                elif self.previous == quote:
                    is_unescaped = True
                    return self._take_raw(quote)
                else:
                    self._take_letters()
            return self._end()
        except EOFError:
            if self.character == quote != self.previous and not is_unescaped:
                self.text.append(quote)
            return "".join(self.text)

    def _end(self) -> str:
        """The end of a cell whose quote was closed: blanks after it are dropped unless text follows them."""
        delimiter, blanks = self.dialect.delimiter, ""
        if self.character not in ("\n", delimiter):
            while self.character in JAVA_BLANKS:
                blanks += self.character
                self._advance()
                if self.character == "\n":
                    break
            if self.character not in ("\n", delimiter):
                return self._take_raw(self.dialect.quote + blanks)
        self.at -= 1
        return "".join(self.text)

    def _take_raw(self, before: str) -> str:
        """A quote that was no end: the cell is its text with that quote, up to the next delimiter."""
        self.text = [self.dialect.quote, *self.text, before, self.character]
        self.previous = self.character
        self._advance()
        self.at -= 1
        rest = self._take_rest()
        self.text.append(rest)
        if self.at == len(self.line):
            raise EOFError
        return "".join(self.text)

    def _take_letters(self) -> None:
        """The text up to the next quote or escape, which becomes the previous character."""
        if self.previous == self.dialect.escape:
            self.text.append(self.previous)
        first = self.character
        while self.character not in (self.dialect.quote, self.dialect.escape):
            self.text.append(self.character)
            try:
                self._advance()
            except EOFError:
                self.character = first
                raise
        self.previous = self.character
        self._advance()

    def _take_special(self) -> None:
        """A quote or an escape within a quoted cell."""
        self._read_special()
        self.previous = self.character
        self._advance()

    def _read_special(self) -> None:
        quote, escape = self.dialect.quote, self.dialect.escape
        if self.previous == escape and (escape != quote or self.character == quote):
            self.text.append(self.character)
            self.character = ""
        elif self.previous == quote == self.character:
            self.text.append(quote)
        elif self.previous == quote:  # an escape after a quote that was no end
            self.text.append(quote)
            self.previous = self.character
            self._take_escapes()

    def _take_escapes(self) -> None:
        """What follows an escape after a quote that was no end, up to the next delimiter."""
        quote, escape = self.dialect.quote, self.dialect.escape
        while self.character not in ("\n", self.dialect.delimiter):
            if self.character in (quote, escape):
                self._read_special()
            else:
                self.text.append(quote + self.character if self.previous == quote else self.character)
            self.previous = self.character
            self._advance()
