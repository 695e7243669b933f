"""Delimited text with the faults of real files: no row is lost, and each has the right span."""

from __future__ import annotations

import base64
import io

import pytest

from reviewlens.contracts.tables import Dialect
from reviewlens.reading.reader import (
    Ledger,
    LedgerError,
    Position,
    ReadLimits,
    Record,
    Rejected,
    read_columns,
    read_records,
)
from tests.reading.reading_help import LIMITS, bad, good, read, reader


def test_plain_rows_with_their_spans() -> None:
    data = b"id,text\n1,good\n2,bad\n"
    rows = read(data)
    assert rows == [Record(1, ["1", "good"], 8, 15), Record(2, ["2", "bad"], 15, 21)]
    assert [data[row.start : row.end] for row in rows] == [b"1,good\n", b"2,bad\n"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends(end: bytes) -> None:
    data = end.join([b"id,text", b"1,good", b'2,"two\nlines"', b"", b"3,last"])
    rows = read(data)
    assert good(rows) == [["1", "good"], ["2", "two\nlines"], ["3", "last"]]
    assert rows[-1].end == len(data)


def test_mixed_line_ends_and_blank_lines_add_up() -> None:
    data = b"id,text\r\n\r\n1,a\n\n2,b\r3,c\r\n\n"
    found = reader(data)
    assert good(list(found)) == [["1", "a"], ["2", "b"], ["3", "c"]]
    assert found.ledger.as_dict() == {
        "bytes_total": len(data),
        "header_bytes": 9,
        "record_bytes": 4 + 4 + 5,
        "blank_bytes": 2 + 1 + 1,
        "rejected_bytes": 0,
    }


def test_unclosed_quote_is_literal_and_the_next_line_is_read() -> None:
    data = b'id,text,stars\n1,"fine",5\n2,"never closed,4\n3,"good row",5\n4,plain,3\n5,"last ""one""",1\n'
    found = reader(data)
    assert good(list(found)) == [
        ["1", "fine", "5"],
        ["2", '"never closed', "4"],
        ["3", "good row", "5"],
        ["4", "plain", "3"],
        ["5", 'last "one"', "1"],
    ]
    assert found.tallies["quote_rows"] == 1
    assert "1 row has a quotation mark that is never closed" in found.warnings[0]


def test_unclosed_quote_with_no_later_quote() -> None:
    rows = read(b'id,text\n1,"never closed\n2,plain\n3,plain\n')
    assert good(rows) == [["1", '"never closed'], ["2", "plain"], ["3", "plain"]]


def test_unclosed_quote_in_a_file_that_quotes_everything() -> None:
    rows = read(b'"id","text","stars"\n"1","ok","5"\n"2","open,"4"\n"3","open again\n"4","","2"\n"5","fine","1"\n')
    assert [row[0].strip('"') for row in good(rows)] == ["1", "2", "3", "4", "5"]
    assert good(rows)[-1] == ["5", "fine", "1"]


def test_unclosed_quote_that_a_later_inch_mark_seems_to_close() -> None:
    lines = [f"{n},{n % 5 + 1},plain text number {n}" for n in range(1, 41)]
    lines[20] = '21,3,"this one is never closed'
    lines[30] = '31,4,the screen is 5"'
    rows = read(("id,stars,text\n" + "\n".join(lines) + "\n").encode())
    assert len(rows) == 40
    assert [row[0] for row in good(rows)] == [str(n) for n in range(1, 41)]


@pytest.mark.parametrize("drip", [1, 7, 1 << 20])
def test_an_unclosed_quote_is_found_by_the_row_numbers_however_the_file_is_cut(drip: int) -> None:
    class Drip(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            return super().read(drip)

    lines = [f'{n},{n % 5 + 1},"text, number {n}"' for n in range(1, 61)]
    lines[30], lines[32] = '31,1,"this one is never closed', '33,2,the screen is 5"'
    lines[57], lines[59] = '58,1,"nor is this one', '60,1,the screen is 6"'
    data = ("id,stars,text\n" + "\n".join(lines)).encode()
    rows = list(read_records(Drip(data), Dialect(), 3, LIMITS))
    assert [row[0] for row in good(rows)] == [str(n) for n in range(1, 61)]


def test_rows_are_told_from_text_by_the_row_that_follows() -> None:
    texts = [f"plain text {n}" for n in range(1, 41)]
    texts[20] = "Compare these:\n22,good\n23,bad"  # row 22 follows, so these are no rows
    texts[38] = "Two lines\n40,so"
    data = "id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts, 1))
    assert [row[1] for row in good(read(data.encode()))] == texts


def test_numbers_too_long_to_be_row_numbers_are_read() -> None:
    number = "7" * 5000
    data = "id,text\n" + f"{number},plain\n" * 30 + f'{number},"two\n{number},lines"\n'
    assert good(read(data.encode()))[-1] == [number, f"two\n{number},lines"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_text_of_two_lines_before_the_rating_is_one_record(end: str) -> None:
    every = "".join(f'"Plain\nreview number {n}",{n % 5 + 1}{end}' for n in range(25))
    found = reader(f"review,rating{end}{every}".encode())
    assert good(list(found)) == [[f"Plain\nreview number {n}", str(n % 5 + 1)] for n in range(25)]
    assert found.warnings == []
    plain = "".join(f"Plain review number {n},{n % 5 + 1}{end}" for n in range(25))
    found = reader(f'review,rating{end}{plain}"Nice start\nand a fine end",5{end}'.encode())
    rows = good(list(found))
    assert (len(rows), rows[-1]) == (26, ["Nice start\nand a fine end", "5"])
    assert found.warnings == []


def test_a_quoted_text_whose_lines_look_like_rows_is_one_record_and_reported() -> None:
    plain = "".join(f"{n % 5 + 1},plain text\n" for n in range(25))
    found = reader(f'stars,text\n{plain}4,"Three things\n1,price\n2,colour\n3,size"\n5,last\n'.encode())
    rows = good(list(found))
    assert len(rows) == 27
    assert rows[25:] == [["4", "Three things\n1,price\n2,colour\n3,size"], ["5", "last"]]
    assert found.warnings == [
        "1 row spans lines that look like rows; it was read as one row because quotation marks enclose them."
    ]


def test_records_of_several_lines_with_empty_surplus_or_missing_fields_stay_whole() -> None:
    header, plain = "text,stars,note\n", "plain, 5,\n" * 25
    surplus = 'text,stars\n"one, two\nlines",5,\n"three, four\nlines",4,,\n'
    assert good(read(surplus.encode(), 2)) == [["one, two\nlines", "5"], ["three, four\nlines", "4"]]
    short = good(read((header + plain + '"one, two, three\nlines",5\n').encode()))
    assert short[-1] == ["one, two, three\nlines", "5", ""]


def test_an_unclosed_quote_that_closes_in_another_column_swallows_no_row() -> None:
    lines = [f"{chr(97 + n % 26)},plain text,kitchen" for n in range(40)]
    lines[20], lines[23] = 'u,"never closed,kitchen', 'x,plain text,made of 5"'
    rows = read(("name,text,place\n" + "\n".join(lines)).encode())
    assert len(good(rows)) == 40


def test_unclosed_quote_with_commas_is_rejected_alone() -> None:
    rows = read(b'id,text,stars\n1,"open, with commas, here,4\n2,"fine",5\n')
    assert [(row.row, row.reason) for row in bad(rows)] == [(1, "unclosed-quote")]
    assert bad(rows)[0].raw == '1,"open, with commas, here,4'
    assert good(rows) == [["2", "fine", "5"]]


def test_unclosed_quote_in_the_last_line() -> None:
    assert good(read(b'id,text\n1,a\n2,"open')) == [["1", "a"], ["2", '"open']]


def test_line_breaks_in_a_quoted_field() -> None:
    text = 'first\n\nthird, with "quotes"\r\nfourth'
    data = b'id,text,stars\n1,"' + text.replace('"', '""').encode() + b'",5\n2,b,4\n'
    rows = read(data)
    assert good(rows) == [["1", text, "5"], ["2", "b", "4"]]
    assert data[rows[0].start : rows[0].end].endswith(b'fourth",5\n')


def test_a_damaged_field_after_a_quoted_one_with_line_breaks() -> None:
    assert good(read(b'a,b,c\n"two\nlines","bad" field,3\n4,5,6\n'))[0][0] == "two\nlines"


def test_quotes_inside_a_quoted_field() -> None:
    rows = read(b'id,text,stars\n1,"he said "yes, please" to me",4\n2,"a \\"b, c\\" d",5\n3,"Great" product,3\n')
    assert good(rows) == [
        ["1", 'he said "yes, please" to me', "4"],
        ["2", 'a "b, c" d', "5"],
        ["3", '"Great" product', "3"],
    ]


def test_backslash_quoting() -> None:
    data = (
        b'id,text\n1,"he said \\"hi, you\\""\n2,"back\\\\slash"\n3,C:\\new\n4,"two\nlines \\" '
        b'here"\n5,"mixed ""ones"""\n'
    )
    assert [row[1] for row in good(read(data, quoting="backslash"))] == [
        'he said "hi, you"',
        "back\\slash",
        "C:\\new",
        'two\nlines " here',
        'mixed "ones"',
    ]


def test_no_quoting() -> None:
    assert good(read(b'id\ttext\n1\t"open\n2\tsay ""hi""\n', delimiter="\t", quoting="none")) == [
        ["1", '"open'],
        ["2", 'say ""hi""'],
    ]


def test_spaces_around_quoted_fields() -> None:
    assert good(read(b'id, text, stars\n1, "a, b" , 5\n')) == [["1", "a, b", " 5"]]


def test_ragged_rows() -> None:
    found = reader(b"id,text,stars\n1,short\n2,right,5\n3,surplus but empty,4,,\n4,too,many,fields\n")
    rows = list(found)
    assert good(rows) == [["1", "short", ""], ["2", "right", "5"], ["3", "surplus but empty", "4"]]
    assert [(row.row, row.reason, row.raw) for row in bad(rows)] == [(4, "too-many-fields", "4,too,many,fields")]
    assert "4 fields where 3 are expected" in bad(rows)[0].explanation
    assert found.warnings == ["1 row has fewer fields than there are columns; the missing ones were left empty."]


def test_nul_bytes_are_taken_out_and_the_row_is_kept() -> None:
    found = reader(b'id,text\n1,a\x00b\n2,"c\x00\nd"\n\x00\x00\n')
    assert good(list(found)) == [["1", "ab"], ["2", "c\nd"], ["", ""]]
    assert found.tallies["nul_rows"] == 3
    assert "3 rows hold NUL characters, which were taken out." in found.warnings


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("inner", [b"x", b"x\n"])
def test_a_field_of_two_megabytes(quoted: bool, inner: bytes) -> None:
    if b"\n" in inner and not quoted:
        inner = b"y"
    text = inner * (2_000_000 // len(inner))
    field = b'"' + text + b'"' if quoted else text
    data = b"id,text,stars\n1,before,5\n2," + field + b",4\n3,after,1\n"
    rows = read(data)
    assert good(rows) == [["1", "before", "5"], ["3", "after", "1"]]
    (long,) = bad(rows)
    assert (long.row, long.reason) == (2, "field-too-long")
    assert len(long.raw) == 65_536
    assert data[long.start : long.end] == b"2," + field + b",4\n"
    allowed = read(data, limits=ReadLimits(max_field_chars=2_000_000))
    assert good(allowed)[1] == ["2", text.decode(), "4"]


@pytest.mark.parametrize(("length", "kept"), [(99, True), (100, True), (101, False)])
def test_field_limit_at_below_and_above(length: int, kept: bool) -> None:
    rows = read(b"id,text\n1," + "é".encode() * length + b"\n", limits=ReadLimits(max_field_chars=100))
    assert isinstance(rows[0], Record) is kept


def test_a_file_without_a_line_end_is_one_rejected_row() -> None:
    limits = ReadLimits(max_field_chars=1000)
    data = b"id,text\n" + b"word " * 2_000_000 + b"\n7,after\n"
    rows = read(data, 2, limits=limits)
    assert [(type(row), row.row) for row in rows] == [(Rejected, 1), (Record, 2)]
    assert bad(rows)[0].reason == "record-too-long"
    assert (bad(rows)[0].start, bad(rows)[0].end) == (8, 8 + 10_000_001)
    assert good(rows) == [["7", "after"]]
    alone = read(b"x" * 20_000_000, 2, header=False, limits=limits)
    assert [(row.reason, row.end) for row in bad(alone)] == [("record-too-long", 20_000_000)]


@pytest.mark.parametrize(("most", "fits"), [(2, False), (3, True), (4, True)])
def test_row_limit(most: int, fits: bool) -> None:
    from reviewlens.errors import LimitError

    rows = reader(b"t\na\nb\nc\n", limits=ReadLimits(max_rows=most))
    if fits:
        assert len(list(rows)) == 3
        return
    with pytest.raises(LimitError) as caught:
        list(rows)
    assert caught.value.details["limit"] == "max_rows"


def test_undecodable_bytes_are_kept_with_the_rejected_row() -> None:
    rows = read(b'id,text\n1,fine\n2,caf\xe9 \xff\n3,"quoted\n\xe9"\n4,caf\xc3\xa9\n')
    assert good(rows) == [["1", "fine"], ["4", "café"]]
    first, second = bad(rows)
    assert (first.reason, first.raw) == ("undecodable-bytes", "2,caf\\xe9 \\xff")
    assert base64.b64decode(first.raw_base64) == b"2,caf\xe9 \xff"
    assert "0xE9" in first.explanation
    assert base64.b64decode(second.raw_base64) == b'3,"quoted\n\xe9"'


def test_windows_1252() -> None:
    rows = read(b"id,text\n1,\x93caf\xe9\x94 \x80 5\n2,odd \x81 byte\n", encoding="cp1252")
    assert good(rows) == [["1", "“café” € 5"]]
    assert base64.b64decode(bad(rows)[0].raw_base64) == b"2,odd \x81 byte"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_utf16_spans_count_bytes_of_the_file(encoding: str, end: str) -> None:
    # U+0A0A and U+0D0D hold bytes that look like line ends, U+2C2C like commas, U+2222 like quotes
    text = end.join(["id,text", "1,\u0a0a\u0d0d\u2c2c\u2222 😀", '2,"two\nlines, quoted"', "3,last"])
    data = ("\ufeff" + text).encode(encoding)
    rows = read(data, encoding=encoding)
    assert good(rows) == [["1", "\u0a0a\u0d0d\u2c2c\u2222 😀"], ["2", "two\nlines, quoted"], ["3", "last"]]
    assert [data[row.start : row.end].decode(encoding).rstrip("\r\n") for row in rows][2] == "3,last"


def test_utf16_half_pairs_and_an_odd_byte_are_rejected_rows() -> None:
    data = (
        "id,text\n1,fine\n".encode("utf-16-le") + b"2\x00,\x00\x3d\xd8\n\x00" + "3,ok\n4".encode("utf-16-le") + b"\x41"
    )
    rows = read(data, 2, encoding="utf-16-le")
    assert good(rows) == [["1", "fine"], ["3", "ok"]]
    assert [row.row for row in bad(rows)] == [2, 4]
    assert base64.b64decode(bad(rows)[0].raw_base64) == b"2\x00,\x00\x3d\xd8"
    assert bad(rows)[1].end == len(data)


def test_byte_order_mark_and_separator_line_belong_to_the_header() -> None:
    found = reader(b"\xef\xbb\xbfsep=;\r\nid;text\r\n1;a\r\n", delimiter=";")
    assert good(list(found)) == [["1", "a"]]
    assert found.ledger.header_bytes == 3 + 7 + 9


def test_header_of_several_lines_and_no_header() -> None:
    assert read_columns(io.BytesIO(b'"the\nid",text\n1,a\n'), Dialect(), LIMITS) == ["the\nid", "text"]
    assert good(read(b'"the\nid",text\n1,a\n')) == [["1", "a"]]
    assert good(read(b"1,a\n2,b\n", header=False)) == [["1", "a"], ["2", "b"]]
    assert read_columns(io.BytesIO(b"1,a\n2,b\n"), Dialect(header=False), LIMITS) == ["", ""]


def test_header_shorter_or_longer_than_the_rows() -> None:
    def columns(data: bytes) -> list[str]:
        return read_columns(io.BytesIO(data), Dialect(), LIMITS)

    assert columns(b"text,stars\n" + b"good,5,extra\n" * 5) == ["text", "stars", ""]
    assert columns(b"text,stars\n" + b"good,5,\n" * 5) == ["text", "stars"]
    assert columns(b"text,stars,\n" + b"good,5\n" * 5) == ["text", "stars"]
    numbered = b"text,stars\n" + b"".join(b"%d,good,5\n" % n for n in range(1, 9))
    assert columns(numbered) == ["", "text", "stars"]
    assert good(read(numbered))[0] == ["1", "good", "5"]


def test_columns_are_counted_over_records_of_several_lines() -> None:
    def columns(data: bytes) -> list[str]:
        return read_columns(io.BytesIO(data), Dialect(), LIMITS)

    numbered = b"text,stars\n" + b"".join(b'%d,"Nice, start\nand, a fine end",5\n' % n for n in range(1, 9))
    assert columns(numbered) == ["", "text", "stars"]
    assert good(read(numbered))[0] == ["1", "Nice, start\nand, a fine end", "5"]
    wider = b"text,stars\n" + b'a,"Nice start\nend",5\n' * 9
    assert columns(wider) == ["text", "stars", ""]
    assert good(read(wider)) == [["a", "Nice start\nend", "5"]] * 9


def test_a_column_of_single_values_keeps_empty_quoted_rows() -> None:
    assert good(read(b'text\na\n""\n\nb\n')) == [["a"], [""], ["b"]]


def test_a_header_alone_yields_no_rows() -> None:
    found = reader(b"id,text\n")
    assert list(found) == []
    assert found.ledger.as_dict()["bytes_total"] == 8


def test_reading_resumes_at_a_position() -> None:
    lines = [b'%d,"text, %d\nmore",%d\n' % (n, n, n % 5) for n in range(60)]
    lines[7] = b"7,short\n"
    lines[9] = b"9,far,too,many\n"
    lines[11] = b'11,"open,3\n\n\n'
    data = b"\xef\xbb\xbfid,text,stars\r\n" + b"".join(lines)
    whole = reader(data)
    rows = list(whole)
    again = read_records(io.BytesIO(data), Dialect(), 3, LIMITS)
    for taken in range(len(rows) + 1):
        position = Position.from_json(again.position.to_json())
        rest = read_records(io.BytesIO(data), Dialect(), 3, LIMITS, resume_at=position)
        assert list(rest) == rows[taken:]
        assert rest.ledger.as_dict() == whole.ledger.as_dict()
        assert rest.warnings == whole.warnings
        next(again, None)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("length", [2_500_000, 2_097_151, 2_097_144, 5_000_000])
def test_overlong_rows_end_at_their_line_end_wherever_the_chunks_are_cut(end: bytes, length: int) -> None:
    data = end.join([b"id,text", b"1,a", b"2," + b"x" * (length - 13), b"3,c", b""])
    rows = read(data, 2, limits=ReadLimits(max_field_chars=1000))
    assert [row.row for row in bad(rows)] == [2]
    assert good(rows) == [["1", "a"], ["3", "c"]]
    assert data[rows[1].start : rows[1].end].endswith(b"x" + end)


def test_the_ledger_refuses_gaps_overlaps_and_a_wrong_end() -> None:
    ledger = Ledger(Position())
    ledger.add(Record(1, ["a"], 0, 5))
    for start, end in ((6, 8), (4, 8), (5, 4)):
        with pytest.raises(LedgerError):
            ledger.add(Record(2, ["b"], start, end))
    with pytest.raises(LedgerError):
        ledger.close(6)
    ledger.close(5)
    with pytest.raises(LedgerError):
        Ledger(Position(offset=9, row=2, tallies={"record_bytes": 8}))
