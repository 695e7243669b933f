"""CSV files round-trip, spans cover any bytes, and reading resumes anywhere."""

from __future__ import annotations

import csv
import io
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewlens.contracts.tables import Dialect
from reviewlens.reading import sources
from reviewlens.reading.reader import ReadLimits, Record, Rejected, read_records

Delimiter = Literal[",", ";", "\t", "|"]
Encoding = Literal["utf-8", "utf-16-le", "utf-16-be"]
_LIMITS = ReadLimits()
_TEXT = st.text(
    st.one_of(st.sampled_from('ab ,;|\t"\n\r\\1'), st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    max_size=12,
)


@st.composite
def _tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 5))
    return draw(st.lists(st.lists(_TEXT, min_size=width, max_size=width), min_size=1, max_size=8))


@settings(max_examples=300)
@given(
    _tables(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["double", "backslash"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
)
def test_what_a_writer_wrote_comes_back(
    rows: list[list[str]],
    delimiter: Delimiter,
    quoting: Literal["double", "backslash"],
    all_: Literal[0, 1],
    end: str,
    encoding: Encoding,
) -> None:
    out = io.StringIO()
    double = quoting == "double"
    writer = csv.writer(
        out,
        delimiter=delimiter,
        doublequote=double,
        escapechar=None if double else "\\",
        quoting=all_ if end == "\r\n" else csv.QUOTE_ALL,  # the writer does not quote other line ends than its own
        lineterminator=end,
    )
    writer.writerows(rows)
    data = out.getvalue().encode(encoding)
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return  # the first character of the text is a byte-order mark
    dialect = Dialect(delimiter=delimiter, quoting=quoting, encoding=encoding, header=False)
    read = list(read_records(io.BytesIO(data), dialect, len(rows[0]), _LIMITS))
    assert [row.fields for row in read if isinstance(row, Record)] == rows
    assert b"".join(data[row.start : row.end] for row in read) == data


_LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"1,2,3",
                b'1,"a',
                b'"',
                b'"a""',
                b'b",c',
                b"",
                b'x,"y\\",z',
                b"a,b",
                b"a,b,c,d",
                b'"a","b","c"',
                b"\xff,1,2",
                b"a\x00,b,c",
            ]
        ),
        st.binary(max_size=10),
    ),
    max_size=15,
)


@settings(max_examples=300)
@given(
    _LINES,
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.sampled_from(["double", "backslash", "none"]),
    st.booleans(),
    st.integers(0, 20),
)
def test_any_bytes_are_accounted_for_and_reading_resumes(
    lines: list[bytes], end: bytes, quoting: Literal["double", "backslash", "none"], header: bool, taken: int
) -> None:
    data = end.join(lines)
    dialect = Dialect(quoting=quoting, header=header)
    reader = read_records(io.BytesIO(data), dialect, 3, _LIMITS)
    rows = list(reader)
    assert sum(reader.ledger.as_dict().values()) == 2 * len(data)
    for row in rows:
        assert data[row.start : row.end].strip(b"\r\n") != b""
        assert isinstance(row, Rejected) or len(row.fields) == 3
    started = read_records(io.BytesIO(data), dialect, 3, _LIMITS)
    for _ in range(taken):
        next(started, None)
    resumed = read_records(io.BytesIO(data), dialect, 3, _LIMITS, resume_at=started.position)
    assert list(resumed) == rows[taken:]
    assert resumed.ledger.as_dict() == reader.ledger.as_dict()
    assert resumed.tallies == reader.tallies


@settings(max_examples=150)
@given(_LINES, st.integers(1, 9), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_results_do_not_depend_on_chunk_sizes(lines: list[bytes], size: int, end: bytes) -> None:
    data = end.join(lines)
    whole = list(read_records(io.BytesIO(data), Dialect(header=False), 3, _LIMITS))

    class Drip(io.BytesIO):
        def read(self, _wanted: int | None = -1, /) -> bytes:
            return super().read(size)

    assert list(read_records(Drip(data), Dialect(header=False), 3, _LIMITS)) == whole


def test_a_record_may_lie_across_chunks() -> None:
    text = "word " * 1000 + '"quoted"\n'
    rows = [[str(n), text * (1 + n % 3)] for n in range(400)]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    data = out.getvalue().encode()
    assert len(data) > 3 * sources.CHUNK
    read = list(read_records(io.BytesIO(data), Dialect(header=False), 2, _LIMITS))
    assert [row.fields for row in read if isinstance(row, Record)] == rows
