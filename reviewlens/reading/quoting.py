"""The grammar of delimited text: reads one record at a time and keeps damaged quoting within its own line.

The rules, in order:

1. A field that starts with a quote (spaces may precede it) runs to its closing quote: the first quote that is not
   escaped. The closing quote must be followed by a delimiter, a line end or the end of the file (spaces may come
   between), and lie within `lookahead` bytes of the start of the record. The field may contain anything, line ends
   included.
2. A field whose quote does not close this way is damaged: its quote is read as text, and the field ends at the next
   delimiter or line end.
3. A damaged record on one line, or one with too many fields, is read in the first way that gives as many fields as the
   file has columns: with the other escape, with stray quotes inside quoted fields, by rule 2, with all quotes as text;
   otherwise by rule 2.
4. A record over several lines that has as many fields as the file has columns is one record, even if its lines look
   like rows. One exception: the first column numbers the rows of the file, and the lines of the record and the row
   after it continue the numbers. Then a quote is unclosed, and each line is a row.
5. Any other record over several lines ends with its first line (read by rules 2 and 3) if its further lines look like
   rows: the first line and at least half of the further lines have as many fields as the file has columns, or all
   further lines do and have numbers in the columns where the first rows of the file have numbers.

With quoting 'typographic', the quotes are pairs of typographic marks such as “ ”. A field that starts with an opening
mark runs to the mark that closes it; pairs inside are text. Rules 2, 4 and 5 hold as for other quotes.

Empty surplus fields at the end of a record do not count.

Every decision depends only on the bytes from the start of the record and on the start of the file, never on the
position where reading resumed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from reviewlens.contracts.tables import Quoting

_NUMBER = re.compile(rb'\s*"?[-+]?\d+(?:[.,]\d+)?"?\s*\Z')
_SHORT_NUMBER = re.compile(rb"[0-9]{1,18}\Z")
_ROW_NUMBER_BYTES = 32  # bytes after a record in which the number of the next row is looked for
_ESCAPED = re.compile(rb'\\(["\\])')
_PROFILE_ROWS = 20

QUOTE_MARKS = {"“": "”", "„": "“”", "«": "»", "»": "«"}
"""The marks that open typographic quotes, each with those that close them."""


def encoded_marks(codec: str) -> dict[bytes, tuple[bytes, ...]]:
    """Return `QUOTE_MARKS` as bytes, without those that the encoding lacks."""
    marks: dict[bytes, tuple[bytes, ...]] = {}
    for opening, closing in QUOTE_MARKS.items():
        try:
            marks[opening.encode(codec)] = tuple(mark.encode(codec) for mark in closing)
        except UnicodeEncodeError:
            continue
    return marks


@dataclass
class Parsed:
    """A record as bytes: its fields and where it ends (line end included).

    `damaged`: a quote is read as text. `row_like_lines`: the record spans lines that look like rows.
    """

    fields: list[bytes]
    end: int
    damaged: bool = False
    row_like_lines: bool = False


class Grammar:
    """Reads records of one dialect; `columns` is the number of fields a good record has (None while that is being found
    out). `marks`: those of typographic quotes, from `encoded_marks`.
    """

    def __init__(
        self,
        delimiter: bytes,
        quoting: Quoting,
        columns: int | None,
        lookahead: int,
        marks: Mapping[bytes, tuple[bytes, ...]],
    ) -> None:
        self.longest = 2 * lookahead  # bytes of a record that spans lines
        self.delimiter = delimiter
        self.quoting = quoting
        self.columns = columns
        self.lookahead = lookahead
        self.numeric: tuple[int, ...] = ()
        self.numbered = False  # the first column numbers the rows
        d = re.escape(self.delimiter)
        space = rb" *+"
        inner = {"double": rb'[^"]*+(?:""[^"]*+)*+', "backslash": rb'[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+', "none": rb""}
        self._row_number = re.compile(rb' *"?([0-9]{1,18})"? *' + d)
        self._marks = marks
        opening = b"(" + b"|".join(map(re.escape, marks)) + b")" if quoting == "typographic" else b'"'
        self._open = re.compile(space + opening)
        self._mark = re.compile(b"|".join(map(re.escape, {*marks, *chain(*marks.values())})))
        self._inner = {name: re.compile(pattern, re.DOTALL) for name, pattern in inner.items()}
        self._after = re.compile(space + rb"(?=" + d + rb"|[\r\n]|\Z)")
        one = rb"[^" + d + rb"\r\n]" if len(delimiter) == 1 else rb"(?:(?!" + d + rb")[^\r\n])"
        self._plain = re.compile(one + rb"*+")
        # Each quote or backslash can be read in one way only, so nothing is tried twice. A possessive repeat of the
        # choices would say so, but Python before 3.11.5 matches those wrongly (python/cpython#106052).
        stray = rb'(?:""|\\.|"(?!"|' + space + rb"(?:" + d + rb"|\Z)))"
        text = rb'[^"\\\r\n]*+'
        self._lenient = re.compile(rb"(" + text + rb"(?:" + stray + text + rb')*)"' + space + rb"(?=" + d + rb"|\Z)")

    def learn(self, records: Sequence[Sequence[bytes]]) -> None:
        """Find the columns with numbers in the file's first records, and whether the first column numbers the rows.

        Fewer than 20 good records leave both unset.
        """
        good = [fields for fields in records if len(fields) == self.columns]
        self.numeric = ()
        self.numbered = False
        if len(good) >= _PROFILE_ROWS:
            least = 0.95 * len(good)
            self.numeric = tuple(
                column
                for column in range(len(good[0]))
                if sum(1 for fields in good if _NUMBER.match(fields[column])) >= least
            )
            numbers = [int(fields[0]) if _SHORT_NUMBER.match(fields[0]) else None for fields in good]
            steps = [number is not None and after == number + 1 for number, after in pairwise(numbers)]
            self.numbered = sum(steps) >= 0.8 * len(steps)

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
        if parsed is None or parsed.end - start > self.longest:
            return self._first_line(line, line_end)
        further = [other for other in buffer[line_end : parsed.end].splitlines() if other]
        if self._fits(parsed.fields):
            following = parsed.end + _ROW_NUMBER_BYTES
            if self.numbered and further and self._row_number.match(further[0]) and following - start <= self.longest:
                if following > len(buffer) and not final:
                    return None
                if self._continues_count([line, *further], buffer[parsed.end : following]):
                    return self._first_line(line, line_end)
            parsed.row_like_lines = len(further) > 1 and self._look_like_rows(further)
            return parsed
        return self._first_line(line, line_end) if self._swallows_rows(line, further) else parsed

    def _first_line(self, line: bytes, line_end: int) -> Parsed:
        """The first line alone of a record that spans lines."""
        parsed = self._mend(self._scan_line(line), line)
        parsed.end = line_end
        return parsed

    def _scan_line(self, line: bytes) -> Parsed:
        parsed = self._scan(line, 0, True, self.quoting)
        assert parsed is not None
        return parsed

    def _fits(self, fields: list[bytes]) -> bool:
        columns = self.columns
        return columns is not None and len(fields) >= columns and not any(map(bytes.strip, fields[columns:]))

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
        if self.quoting == "typographic":
            return [parsed.fields, line.split(self.delimiter)]
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
                stop, past = self._close(buffer, opened, quoting)
                if stop - start <= self.lookahead:
                    # Unless the buffer is the end of the file, a quote is only known to close once the byte after it is
                    # there.
                    after = self._after.match(buffer, past) if past > stop else None
                    undecided = max(past, stop + 1) >= size or (after is not None and after.end() >= size)
                    if undecided and not final:
                        return None
                    if after is not None:
                        closed = after.end()
                        fields.append(self._unescape(buffer[opened.end() : stop], quoting))
                damaged = damaged or closed < 0
            if closed < 0:
                plain = self._plain.match(buffer, at)
                assert plain is not None
                closed = plain.end()
                text = plain.group()
                fields.append(_ESCAPED.sub(rb"\1", text) if quoting == "backslash" and not opened else text)
            at = closed
            if buffer.startswith(self.delimiter, at):
                at += len(self.delimiter)
                continue
            break
        if at >= size:
            return Parsed(fields, size, damaged) if final else None
        if buffer[at : at + 2] == b"\r\n":
            return Parsed(fields, at + 2, damaged)
        if buffer[at] == 0x0D and at + 1 >= size and not final:
            return None
        return Parsed(fields, at + 1, damaged)

    def _close(self, buffer: bytes, opened: re.Match[bytes], quoting: Quoting) -> tuple[int, int]:
        """Return where the closing quote of a field starts and ends; the end of the buffer twice if it has none."""
        if quoting != "typographic":
            body = self._inner[quoting].match(buffer, opened.end())
            assert body is not None
            stop = body.end()
            return stop, stop + (buffer[stop : stop + 1] == b'"')
        expected = [self._marks[opened[1]]]
        for mark in self._mark.finditer(buffer, opened.end()):
            if mark.group() in expected[-1]:
                expected.pop()
                if not expected:
                    return mark.start(), mark.end()
            elif mark.group() in self._marks:
                expected.append(self._marks[mark.group()])
        return len(buffer), len(buffer)

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
            at += len(self.delimiter)

    def _continues_count(self, lines: list[bytes], following: bytes) -> bool:
        """Whether each line's number is one above that of the line before it, and the next row's number one above the
        last line's (rule 4). The next row starts in `following`; at the end of the file this takes three lines.
        """
        next_row = [line for line in following.splitlines() if line][:1]
        matches = [self._row_number.match(line) for line in lines + next_row]
        numbers = [int(match[1]) for match in matches if match]
        return len(numbers) == len(matches) >= 3 and all(after == number + 1 for number, after in pairwise(numbers))

    def _swallows_rows(self, line: bytes, further: list[bytes]) -> bool:
        """Rule 5: whether a record that begins with `line` takes in `further` lines that are rows of their own."""
        if self.columns is None:
            return False
        if self._look_like_rows(further):
            return True
        if not self._fits(self._scan_line(line).fields):
            return False
        fitting = [self._fits(self._scan_line(other).fields) for other in further]
        return 2 * sum(fitting) >= len(fitting)

    def _look_like_rows(self, lines: list[bytes]) -> bool:
        """Whether all lines have the file's number of fields, with numbers where its first rows have numbers."""
        return bool(self.numeric and lines) and all(map(self._looks_like_row, lines))

    def _looks_like_row(self, line: bytes) -> bool:
        if self.columns is None or line.count(self.delimiter) < self.columns - 1:
            return False
        fields = self._scan_line(line).fields
        return self._fits(fields) and all(_NUMBER.match(fields[column]) for column in self.numeric)

    @staticmethod
    def _unescape(body: bytes, quoting: Quoting) -> bytes:
        if quoting == "backslash" and b"\\" in body:
            return re.sub(rb'\\(["\\])|""', lambda found: found.group(1) or b'"', body)
        return body if quoting == "typographic" else body.replace(b'""', b'"')

    @staticmethod
    def _strip(line: bytes) -> bytes:
        return line.rstrip(b"\r\n")
