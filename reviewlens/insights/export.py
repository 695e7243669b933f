"""Downloads of a job's rows, streamed: CSV that is safe in a spreadsheet, Parquet, or the report."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from reviewlens.contracts.outputs import CSV_DECIMALS, REJECTED_COLUMNS, names
from reviewlens.errors import InputError, LimitError
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.filters import condition
from reviewlens.insights.models import Filters, Format, What
from reviewlens.insights.rejected import read_rejected
from reviewlens.insights.report import render_report
from reviewlens.insights.results import Results
from reviewlens.insights.segments import segments_of

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "html": "text/html; charset=utf-8",
}
BATCH_ROWS = 20_000
_BATCH_CHARS = 8_000_000
_BLOCK = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # without it spreadsheets take UTF-8 for the local code page

# A spreadsheet takes a cell for a formula by its first character, even after white space or in full-width form.
# Invisible characters before it may get lost on import, quotes too. A reader that splits elsewhere, or at line
# breaks within quotes, begins a cell inside one of ours.
_SKIPPED = r"\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\x22"
_START = r"[=+\-@＝＋－＠]"
_FORMULA = rf"^(?:[\t\r\n]|[{_SKIPPED}]*{_START})"
_INNER_FORMULA = rf"([;,\t\r\n][{_SKIPPED}]*)({_START})"
# A spreadsheet makes the same number of it. Programs write no plus sign before a number; people do before other things.
_NUMBER = r"^-(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$"


def export_rows(
    results: Results, what: What, format: Format, filters: Filters, *, max_rows: int | None = None
) -> Iterator[bytes]:
    """The download as blocks of bytes. `filters` apply to 'filtered' and 'report' only.

    CSV: the columns of served.csv (or rejected.csv) with every text quoted and formulas `defused`. Parquet: the same
    columns, values unchanged.
    HTML: the report.
    Errors, before the first block: InputError (`bad-export`, `no-such-segment`), LimitError for more than `max_rows`.
    """
    if (what == "report") != (format == "html"):
        raise InputError(
            "The report is available as html; served, rejected and filtered rows as csv or parquet.", code="bad-export"
        )
    if what == "report":
        return iter([render_report(build_dashboard(results, filters)).encode()])
    accounting = results.summary.accounting
    rows = accounting.rejected
    frame = results.scan().select(results.served_columns)
    if what == "served":
        rows = accounting.served + accounting.not_judged
    elif what == "filtered":
        matching = results.scan().filter(condition(filters, segments_of(results)))
        rows = int(matching.select(pl.len()).collect(engine="streaming").item())
        frame = matching.select(results.served_columns)
    if max_rows is not None and rows > max_rows:
        raise LimitError(
            f"This download would have {rows:,} rows; at most {max_rows:,} are allowed. Narrow the filters.",
            details={"limit": "max_export_rows", "allowed": max_rows, "actual": rows},
        )
    if what == "rejected":
        frame = pl.LazyFrame(schema=dict.fromkeys(names(REJECTED_COLUMNS), pl.String))
        batches: Iterable[pl.DataFrame] = _rejected(results.rejected_csv)
    else:
        batches = frame.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)
    schema = frame.collect_schema()
    return _csv(schema, batches) if format == "csv" else _parquet(schema, batches)


def export_name(results: Results, what: What, format: Format) -> str:
    """A file name for the download, from the upload's; letters, digits, dots, dashes and underscores only."""
    stem = re.sub(r"\.(?:gz|csv|tsv|txt|jsonl?|ndjson|parquet|xls[bx]?|ods)$", "", results.summary.filename, flags=re.I)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:80] or "reviews"
    return f"{stem}-{what}.{format}"


def defused(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before whatever a spreadsheet would run as a formula, in text cells and column names.

    That is the start of a cell, and within a cell what follows a comma, a semicolon, a tab or a line break, for readers
    that split there. A cell that is a plain negative number, such as -5, stays a number.
    """
    columns = [pl.col(name) for name, kind in frame.schema.items() if kind == pl.String]
    frame = frame.with_columns(
        pl.when(text.str.contains(_NUMBER))
        .then(text)
        .when(text.str.contains(_FORMULA))
        .then(pl.concat_str(pl.lit("'"), text.str.replace_all(_INNER_FORMULA, "$1'$2")))
        .otherwise(text.str.replace_all(_INNER_FORMULA, "$1'$2"))
        .name.keep()
        for text in columns
    )
    return frame.rename(_defused_names(frame.columns))


def _defused_names(names: Sequence[str]) -> dict[str, str]:
    """New names for columns whose names a spreadsheet would run as formulas; they stay unique."""
    taken, renamed = set(names), {}
    for name in names:
        safe = re.sub(_INNER_FORMULA, r"\1'\2", name)
        if re.match(_FORMULA, name):
            safe = f"'{safe}"
        if safe != name:
            while safe in taken:
                safe = f"'{safe}"
            taken.add(safe)
            renamed[name] = safe
    return renamed


def _csv(schema: pl.Schema, batches: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    empty = defused(pl.DataFrame(schema=schema))
    yield _BYTE_ORDER_MARK + _csv_bytes(empty, header=True)
    for batch in batches:
        yield _csv_bytes(defused(batch), header=False)


def _csv_bytes(frame: pl.DataFrame, *, header: bool) -> bytes:
    buffer = io.BytesIO()
    # Quotes keep a cell whole in spreadsheets that use another separator.
    frame.write_csv(buffer, include_header=header, quote_style="non_numeric", float_precision=CSV_DECIMALS)
    return buffer.getvalue()


def _parquet(schema: pl.Schema, batches: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="reviewlens-export-") as folder:
        path = Path(folder) / "rows.parquet"
        import pyarrow.parquet as pq

        arrow_schema = pl.DataFrame(schema=schema).to_arrow().schema
        with pq.ParquetWriter(path, arrow_schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_table(batch.to_arrow().cast(arrow_schema))
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


def _rejected(path: Path) -> Iterator[pl.DataFrame]:
    """All of rejected.csv; a batch ends early if its texts are huge."""
    schema = dict.fromkeys(names(REJECTED_COLUMNS), pl.String)
    batch: list[list[str]] = []
    size = 0
    for row in read_rejected(path):
        batch.append([row.get(name) or "" for name in schema])
        size += sum(map(len, batch[-1]))
        if size > _BATCH_CHARS or len(batch) == BATCH_ROWS:
            yield pl.DataFrame(batch, schema=schema, orient="row")
            batch, size = [], 0
    if batch:
        yield pl.DataFrame(batch, schema=schema, orient="row")
