"""The grammar of delimited text: one record at a time, with damaged quoting contained in the line where it stands.

The rules, in order (docs of `Grammar.read` give the details):

1. A field that begins with a quote (spaces may stand before it) runs to its closing quote: the first quote that is not
   escaped. The closing quote must be followed by a delimiter, a line end or the end of the file (spaces may stand
   between), and lie within `lookahead` bytes of the record's begin. In between may be anything, line ends included.
2. A field whose quote is not closed so is damaged: its quote is taken literally and the field ends at the next
   delimiter or line end.
3. A damaged record on one line, or one with too many fields, is read in the first way that gives as many fields as the
   file has columns: with the other escape, with stray quotes inside quoted fields, by rule 2, with all quotes literal;
   else by rule 2.
4. A record over several lines is given up for its first line alone (by rule 2 and 3) when that line has as many fields
   as the file has columns and the whole has not, or when every line it would swallow looks like a row of this file: as
   many fields, and numbers in the columns where the file's first rows have numbers.

Every decision depends on the bytes from the record's begin on and on the begin of the file, never on where reading was
resumed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_NUMBER = re.compile(rb'\s*"?[-+]?\d+(?:[.,]\d+)?"?\s*\Z')
_ESCAPED = re.compile(rb'\\(["\\])')
_PROFILE_ROWS = 20

Quoting = Literal["double", "backslash", "none"]


@dataclass
class Parsed:
    """A record as bytes: its fields, where it ends (line end included), whether a quote had to be taken literally."""

    fields: list[bytes]
    end: int
    damaged: bool = False


class Grammar:
    """Reads records of one dialect; `columns` is the number of fields a good record has (None while that is being found
    out).
    """

    def __init__(self, delimiter: str, quoting: Quoting, columns: int | None, lookahead: int) -> None:
        self.longest = 2 * lookahead  # bytes of a record that spans lines
        self.delimiter = delimiter.encode()
        self.quoting = quoting
        self.columns = columns
        self.lookahead = lookahead
        self.numeric: tuple[int, ...] = ()
        d = re.escape(self.delimiter)
        space = rb" *+"
        inner = {"double": rb'[^"]*+(?:""[^"]*+)*+', "backslash": rb'[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+', "none": rb""}
        self._open = re.compile(space + rb'"')
        self._inner = {name: re.compile(pattern, re.DOTALL) for name, pattern in inner.items()}
        self._after = re.compile(space + rb"(?=" + d + rb"|[\r\n]|\Z)")
        self._plain = re.compile(rb"[^" + d + rb"\r\n]*+")
        # Each quote or backslash can be read in one way only, so nothing is tried twice. A possessive repeat of the
        # choices would say so, but Python before 3.11.5 matches those wrongly (python/cpython#106052).
        stray = rb'(?:""|\\.|"(?!"|' + space + rb"(?:" + d + rb"|\Z)))"
        text = rb'[^"\\\r\n]*+'
        self._lenient = re.compile(rb"(" + text + rb"(?:" + stray + text + rb')*)"' + space + rb"(?=" + d + rb"|\Z)")

    def learn(self, records: Sequence[Sequence[bytes]]) -> None:
        """Note the columns in which the file's first records have numbers; fewer than 20 good records teach nothing."""
        good = [fields for fields in records if len(fields) == self.columns]
        self.numeric = ()
        if len(good) >= _PROFILE_ROWS:
            least = 0.95 * len(good)
            self.numeric = tuple(
                column
                for column in range(len(good[0]))
                if sum(1 for fields in good if _NUMBER.match(fields[column])) >= least
            )

    def read(self, buffer: bytes, start: int, line_end: int, final: bool) -> Parsed | None:
        """The record that begins at `start`, whose first line ends (line end included) at `line_end`.

        None: the buffer ends before this can be told, and `final` says that more is to come.
        """
        if self.quoting == "none":
            return Parsed(self._strip(buffer[start:line_end]).split(self.delimiter), line_end)
        line = self._strip(buffer[start:line_end])
        parsed = self._scan(buffer, start, final, self.quoting)
        if parsed is None and len(buffer) - start <= self.longest:
            return None
        if parsed is not None and parsed.end <= line_end:
            return self._mend(parsed, line)
        alone = self._scan(line, 0, True, self.quoting)
        assert alone is not None
        if (
            parsed is None
            or parsed.end - start > self.longest
            or (self._fits(alone.fields) and not self._fits(parsed.fields))
            or self._look_like_rows(buffer[line_end : parsed.end].splitlines())
        ):
            parsed = self._mend(alone, line)
            parsed.end = line_end
        return parsed

    def _fits(self, fields: list[bytes]) -> bool:
        return self.columns is not None and len(fields) == self.columns

    def _mend(self, parsed: Parsed, line: bytes) -> Parsed:
        """Rule 3; also for a sound record with too many fields, which a different escape or unescaped inner quotes
        explain.
        """
        columns = self.columns
        if columns is None or not (parsed.damaged or any(parsed.fields[columns:])):
            return parsed
        for fields in self._alternatives(parsed, line):
            if fields is not None and len(fields) == columns:
                return Parsed(fields, parsed.end, damaged=True)
        return parsed

    def _alternatives(self, parsed: Parsed, line: bytes) -> list[list[bytes] | None]:
        other = self._scan(line, 0, True, "backslash" if self.quoting == "double" else "double")
        return [
            None if other is None or other.damaged else other.fields,
            self._with_stray_quotes(line),
            parsed.fields,
            line.split(self.delimiter),
        ]

    def _scan(self, buffer: bytes, start: int, final: bool, quoting: Quoting) -> Parsed | None:
        """Rules 1 and 2."""
        fields: list[bytes] = []
        damaged = False
        at = start
        size = len(buffer)
        while True:
            opened = self._open.match(buffer, at)
            closed = -1
            if opened:
                body = self._inner[quoting].match(buffer, opened.end())
                assert body is not None
                stop = body.end()
                if stop - start <= self.lookahead:
                    # Unless the buffer is the end of the file, a quote is only known to close once the byte after it is
                    # there.
                    after = self._after.match(buffer, stop + 1) if stop < size and buffer[stop] == 0x22 else None
                    undecided = stop + 1 >= size or (after is not None and after.end() >= size)
                    if undecided and not final:
                        return None
                    if after is not None:
                        closed = after.end()
                        fields.append(self._unescape(body.group(), quoting))
                damaged = damaged or closed < 0
            if closed < 0:
                plain = self._plain.match(buffer, at)
                assert plain is not None
                closed = plain.end()
                text = plain.group()
                fields.append(_ESCAPED.sub(rb"\1", text) if quoting == "backslash" and not opened else text)
            at = closed
            if at < size and buffer[at : at + 1] == self.delimiter:
                at += 1
                continue
            break
        if at >= size:
            return Parsed(fields, size, damaged) if final else None
        if buffer[at : at + 2] == b"\r\n":
            return Parsed(fields, at + 2, damaged)
        if buffer[at] == 0x0D and at + 1 >= size and not final:
            return None
        return Parsed(fields, at + 1, damaged)

    def _with_stray_quotes(self, line: bytes) -> list[bytes] | None:
        """Quotes inside a quoted field that neither are escaped nor close it are text; None when a quote stays open."""
        fields: list[bytes] = []
        at = 0
        while True:
            opened = self._open.match(line, at)
            if opened:
                body = self._lenient.match(line, opened.end())
                if body is None:
                    return None
                fields.append(self._unescape(body.group(1), self.quoting))
                at = body.end()
            else:
                plain = self._plain.match(line, at)
                assert plain is not None
                fields.append(plain.group())
                at = plain.end()
            if at >= len(line):
                return fields
            at += 1

    def _look_like_rows(self, lines: list[bytes]) -> bool:
        if not self.numeric:
            return False
        seen = False
        for line in lines:
            if not line:
                continue
            parsed = self._scan(line, 0, True, self.quoting)
            assert parsed is not None
            if not self._fits(parsed.fields) or not all(
                _NUMBER.match(parsed.fields[column]) for column in self.numeric
            ):
                return False
            seen = True
        return seen

    @staticmethod
    def _unescape(body: bytes, quoting: Quoting) -> bytes:
        if quoting == "backslash" and b"\\" in body:
            return re.sub(rb'\\(["\\])|""', lambda found: found.group(1) or b'"', body)
        return body.replace(b'""', b'"')

    @staticmethod
    def _strip(line: bytes) -> bytes:
        return line.rstrip(b"\r\n")
