"""What was detected in an upload, with controls to correct it before the job starts."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend import session, words
from frontend.api.labels import ENCODINGS, MOST_SEGMENTS, ROLES
from frontend.api.models import ColumnInfo, DateFormat, Mapping, Sniffed, Upload
from frontend.intake import texts

_NONE = -1
_NUMERIC = re.compile(r"\s*\d{1,4}\s*[-/. ]\s*\d{1,2}\s*[-/., ]")
FORMATS = {
    "csv": "Text with columns (CSV)",
    "jsonl": "JSON Lines",
    "json": "JSON",
    "parquet": "Parquet",
    "xlsx": "Excel (.xlsx)",
    "xlsb": "Excel (.xlsb)",
    "xls": "Excel (.xls)",
    "ods": "OpenDocument (.ods)",
}
WORKBOOKS = ("xlsx", "xlsb", "xls", "ods")
ALL_SHEETS = "*"
DELIMITERS = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "vertical bar",
    "~": "tilde",
    "^": "caret",
    ":": "colon",
    "\x01": "control character 1",
}
QUOTING = {
    "double": 'doubled: ""',
    "backslash": 'backslash: \\"',
    "typographic": "typographic: “ ”",
    "none": "quotes are ordinary characters",
}
ORDERS = {"day_first": "day, month, year", "month_first": "month, day, year", "year_first": "year, month, day"}


def show(upload: Upload) -> None:
    """Show facts, warnings, columns, dialect and first rows of the file."""
    sniffed = upload.sniffed
    chosen = sniffed.dialect.member if sniffed.members else None
    if chosen != "":
        _facts(upload)
    session.warn(sniffed.warnings)
    if len(sniffed.members) > 1:
        _member(upload)
    if chosen == "":
        return
    if len(sniffed.sheets) > 1:
        _sheet(upload)
    _languages(upload)
    with st.container(key="card-columns"):
        _columns(upload)
    with st.expander("How the file is written", icon=":material/tune:"):
        _dialect(upload)
    with st.container(key="card-preview"):
        _preview(sniffed)


def _facts(upload: Upload) -> None:
    sniffed, dialect = upload.sniffed, upload.sniffed.dialect
    facts = [FORMATS[dialect.format]]
    if dialect.compression != "none":
        facts.append(dialect.member or dialect.compression)
    if dialect.format in ("csv", "jsonl", "json"):
        facts.append(ENCODINGS.get(dialect.encoding, dialect.encoding))
    if dialect.format == "csv" and len(sniffed.columns) > 1:
        facts.append(f"separated by {DELIMITERS.get(dialect.delimiter, dialect.delimiter)}")
    if isinstance(dialect.sheet, str):
        facts.append(f"sheet {words.cut(dialect.sheet, 40)}")
    elif dialect.sheet:
        facts.append(words.many(len(dialect.sheet), "sheet"))
    if dialect.format in ("csv", *WORKBOOKS):
        row = f"header in row {dialect.header_row}" if (dialect.header_row or 1) > 1 else "with a header"
        facts.append(row if dialect.header else "without a header")
    facts += [
        words.many(len(sniffed.columns), "column"),
        f"about {words.many(sniffed.estimated_rows, 'row')}",
        words.size(upload.size_bytes),
    ]
    with st.container(horizontal=True, gap="small", key="facts"):
        for fact in facts:
            st.badge(words.escape(fact), color="gray")


def _languages(upload: Upload) -> None:
    """Choose whether texts that the model does not read are judged, where there are some."""
    mapping = upload.sniffed.mapping
    if mapping is None or not any(warning.code == "other-languages" for warning in upload.sniffed.coded_warnings):
        return
    st.session_state["all-languages"] = mapping.all_languages
    st.toggle(
        "Judge all languages",
        key="all-languages",
        help="Give a sentiment to texts in languages that the model was not validated for. Many will be wrong.",
        on_change=lambda: change(upload, mapping={"all_languages": st.session_state["all-languages"]}),
    )


def _member(upload: Upload) -> None:
    """Choose a file of a ZIP archive; corrections belong to the earlier one and are dropped."""
    names = {each.name: f"{each.name} ({words.size(each.size_bytes)})" for each in upload.sniffed.members}

    def read() -> None:
        if chosen := st.session_state["dialect-member"]:
            st.session_state["corrected_dialect"] = {}
            change(upload, dialect={"member": chosen})

    st.session_state["dialect-member"] = upload.sniffed.dialect.member or None
    st.selectbox(
        "File in the archive",
        list(names),
        key="dialect-member",
        format_func=names.__getitem__,
        placeholder="Choose the file with the reviews",
        on_change=read,
    )


def _sheet(upload: Upload) -> None:
    """Choose the sheet of a workbook, or all sheets with its columns."""
    sheets, chosen = upload.sniffed.sheets, upload.sniffed.dialect.sheet
    names = {
        sheet.name: f"{sheet.name} ({'hidden, ' if sheet.hidden else ''}{words.many(sheet.rows, 'row')})"
        for sheet in sheets
    }
    alike = [sheet.name for sheet in sheets if sheet.same_columns]
    if len(alike) > 1:
        names[ALL_SHEETS] = f"All sheets with these columns, as one ({', '.join(alike)})"
    st.session_state["dialect-sheet"] = chosen if isinstance(chosen, str) else ALL_SHEETS
    st.selectbox(
        "Sheet",
        list(names),
        key="dialect-sheet",
        format_func=names.__getitem__,
        on_change=lambda: _read_sheet(upload, st.session_state["dialect-sheet"]),
    )


def _read_sheet(upload: Upload, sheet: str) -> None:
    """Detect again in another sheet; corrections of the header belong to the earlier sheet and are dropped."""
    corrected = st.session_state.get("corrected_dialect", {})
    st.session_state["corrected_dialect"] = {
        name: value for name, value in corrected.items() if not name.startswith("header")
    }
    change(upload, dialect={"sheet": sheet})


def _columns(upload: Upload) -> None:
    sniffed, mapping = upload.sniffed, upload.sniffed.mapping
    st.subheader("Which column is what?", anchor=False)
    st.caption("Detected by name and content. Correct what is wrong; other columns are kept unchanged.")
    by_index, columns = {column.index: column for column in sniffed.columns}, columns_by_role(mapping)
    top, rest = st.columns(2, gap="medium"), st.columns(len(ROLES) - 2, gap="medium")
    for column, (role, label) in zip([*top, *rest], ROLES.items(), strict=True):
        with column:
            if role == "text":
                texts.show(upload, label, by_index, change)
            else:
                _role(upload, role, label, columns.get(role), by_index)
    if mapping and mapping.rating is not None:
        _scale(upload, rest[0], mapping)
    if mapping and mapping.date is not None and mapping.date_format:
        _order(upload, rest[1], mapping.date_format, by_index[mapping.date])
    if mapping:
        _segments(upload, mapping, by_index)


def _segments(upload: Upload, mapping: Mapping, by_index: dict[int, ColumnInfo]) -> None:
    """Choose the columns by which the dashboard can split the reviews."""
    taken = {*columns_by_role(mapping).values(), *mapping.further_texts}
    names = words.distinct({at: column.name or f"column {at + 1}" for at, column in by_index.items()})
    options = [at for at in by_index if at not in taken]
    if not options:
        return
    st.session_state["segments"] = mapping.segments
    st.multiselect(
        "Also split by",
        options,
        key="segments",
        format_func=names.__getitem__,
        max_selections=MOST_SEGMENTS,
        placeholder="No other column",
        help="The dashboard shows the sentiment of each value of these columns, and filters by them.",
        on_change=lambda: change(upload, mapping={"segments": st.session_state["segments"]}),
    )
    reasons = [(names[at], upload.sniffed.mapping_reasons.get(f"segment:{at}", "")) for at in mapping.segments]
    lines = [f"{name}: {reason}" for name, reason in reasons if reason and reason != "you chose it"]
    if lines:
        st.caption("  \n".join(words.escape(words.cut(line, 120)) for line in lines))


def columns_by_role(mapping: Mapping | None) -> dict[str, int]:
    """The roles that have a column, each with the column's index."""
    columns: dict[str, int | None] = {role: getattr(mapping, role, None) for role in ROLES}
    return {role: index for role, index in columns.items() if index is not None}


def _role(upload: Upload, role: str, label: str, detected: int | None, by_index: dict[int, ColumnInfo]) -> None:
    key = f"role-{role}"
    options = [_NONE, *by_index]
    st.session_state[key] = detected if detected is not None else _NONE
    names = words.distinct(
        {_NONE: "not in this file"}
        | {at: words.shown(column.name) or f"column {at + 1}" for at, column in by_index.items()}
    )

    def changed() -> None:
        chosen = st.session_state[key]
        change(upload, mapping={role: None if chosen == _NONE else chosen})

    st.selectbox(
        label,
        options,
        key=key,
        format_func=names.__getitem__,
        on_change=changed,
    )
    if detected is not None and detected in by_index:
        examples = [
            words.cut(" ".join(example.split()), 60) for example in by_index[detected].examples if example.strip()
        ][:2]
        reason = upload.sniffed.mapping_reasons.get(role, "")
        reason = reason[:1].upper() + reason[1:]
        st.caption(
            "  \n".join(
                words.escape(line) for line in [reason, "e.g. " + " · ".join(examples) if examples else ""] if line
            )
        )


def _scale(upload: Upload, parent: DeltaGenerator, mapping: Mapping) -> None:
    lowest, highest = mapping.rating_scale
    if mapping.rating_words:
        return  # the reason for the column names the worst and the best word
    parent.caption(f"{lowest:g} is worst, {highest:g} is best. Ratings are converted to a scale from 1 to 5.")
    st.session_state["rating-lowest"], st.session_state["rating-highest"] = float(lowest), float(highest)

    def changed() -> None:
        ends = st.session_state["rating-lowest"], st.session_state["rating-highest"]
        if ends[0] < ends[1]:
            change(upload, mapping={"rating_scale": list(ends)})

    ends = parent.columns(2)
    ends[0].number_input("Worst rating", step=1.0, format="%g", key="rating-lowest", on_change=changed)
    ends[1].number_input("Best rating", min_value=0.5, step=1.0, format="%g", key="rating-highest", on_change=changed)


def _order(upload: Upload, parent: DeltaGenerator, form: DateFormat, column: ColumnInfo) -> None:
    first = upload.sniffed.first_date
    if first:
        parent.caption(words.escape(f"The first date, {words.cut(first.raw, 60)}, is read as {words.day(first.read)}."))
    if "numeric" not in (form.kind, *form.further):
        return
    examples = [example for example in column.examples if _NUMERIC.match(example)]
    st.session_state["date-order"] = form.order

    def label(order: str) -> str:
        read = read_date(examples[0], order) if examples else None
        return ORDERS[order] + (f" ({words.shown(examples[0])} is {words.day(read)})" if read else "")

    parent.selectbox(
        "Order in dates",
        list(ORDERS),
        key="date-order",
        format_func=label,
        on_change=lambda: change(
            upload,
            mapping={
                "date_format": {
                    **form.model_dump(mode="json"),
                    "order": st.session_state["date-order"],
                    "ambiguous": False,
                }
            },
        ),
    )
    if form.ambiguous:
        parent.warning(
            "All dates in the sample fit both orders of day and month. Check the order.",
            icon=":material/calendar_month:",
        )


def read_date(example: str, order: str) -> date | None:
    """A numeric date read in this order; None if it is not valid."""
    numbers = [int(part) for part in re.findall(r"\d+", example)[:3]]
    if len(numbers) < 3:
        return None
    order_of_parts = {"day_first": (2, 1, 0), "month_first": (2, 0, 1), "year_first": (0, 1, 2)}[order]
    year, month, day = (numbers[index] for index in order_of_parts)
    try:
        return date(year + 2000 if year < 70 else year + 1900 if year < 100 else year, month, day)
    except ValueError:
        return None


def _dialect(upload: Upload) -> None:
    now = upload.sniffed.dialect
    if now.format == "parquet":
        st.caption("A Parquet file describes its own format; there is nothing to choose.")
        return
    st.caption("Change this if characters look wrong below, or if columns are not separated.")
    columns = st.columns(4, gap="medium")
    if now.format == "csv":
        _part(upload, columns[0], "delimiter", "Delimiter", DELIMITERS)
        _part(upload, columns[1], "quoting", "Quote inside quotes", QUOTING)
    if now.format in ("csv", "jsonl", "json"):
        _part(upload, columns[2], "encoding", "Encoding", ENCODINGS)
    if now.format in ("csv", *WORKBOOKS):
        _part(upload, columns[3], "header", "Column names", {True: "are in a row", False: "are missing"})
        if now.header_row is not None:
            _header_row(upload, columns[3], now.header_row)
        else:
            _title_rows(upload, columns[3], now.title_rows)


def _part(upload: Upload, parent: DeltaGenerator, name: str, label: str, options: dict[Any, str]) -> None:
    key = f"dialect-{name}"
    value = st.session_state[key] = getattr(upload.sniffed.dialect, name)
    options = options if value in options else {**options, value: str(value)}
    parent.selectbox(
        label,
        list(options),
        key=key,
        format_func=options.__getitem__,
        on_change=lambda: change(upload, dialect={name: st.session_state[key]}),
    )


def _header_row(upload: Upload, parent: DeltaGenerator, row: int) -> None:
    st.session_state["dialect-header-row"] = row
    parent.number_input(
        "Row with the column names",
        min_value=1,
        max_value=1000,
        key="dialect-header-row",
        help="The rows above it are not read as reviews. Blank rows count.",
        on_change=lambda: change(
            upload, dialect={"header": True, "header_row": int(st.session_state["dialect-header-row"])}
        ),
    )


def _title_rows(upload: Upload, parent: DeltaGenerator, rows: int) -> None:
    st.session_state["dialect-title-rows"] = rows
    parent.number_input(
        "Rows above the first review",
        min_value=0,
        max_value=1000,
        key="dialect-title-rows",
        help="They are not read as reviews. Blank rows count.",
        on_change=lambda: change(
            upload, dialect={"header": False, "title_rows": int(st.session_state["dialect-title-rows"])}
        ),
    )


def _preview(sniffed: Sniffed) -> None:
    roles = {index: ROLES[role].lower() for role, index in columns_by_role(sniffed.mapping).items()}
    text_columns = texts.columns_of(sniffed.mapping)
    roles |= dict.fromkeys(text_columns, ROLES["text"].lower())
    names = [f"c{column.index}" for column in sniffed.columns]
    rows = [dict(zip(names, map(words.shown, row), strict=False)) for row in sniffed.preview]
    st.subheader("The first rows" if len(rows) != 1 else "The only row", anchor=False)
    shown = {
        f"c{column.index}": st.column_config.TextColumn(
            (f"◆ {roles[column.index]}: " if column.index in roles else "")
            + (words.shown(column.name) or f"column {column.index + 1}"),
            width="large" if column.index in text_columns else "medium" if column.index in roles else "small",
        )
        for column in sniffed.columns
    }
    st.dataframe(
        rows,
        column_config=shown,
        hide_index=True,
        height=min(38 + 35 * len(rows), 420),
        key="preview",
        alt="The first rows of the file",
    )


def change(upload: Upload, *, dialect: dict[str, Any] | None = None, mapping: dict[str, Any] | None = None) -> None:
    """Detect again with the user's corrections, in addition to earlier ones."""
    state = st.session_state
    if dialect:  # the columns may differ now, so earlier corrections of the mapping are dropped
        state["corrected_dialect"] = {**state.get("corrected_dialect", {}), **dialect}
        state["corrected_mapping"] = {}
    corrected = {**state.get("corrected_mapping", {}), **(mapping or {})}
    if mapping and "segments" not in mapping and corrected.get("segments"):  # a column with a role is no segment
        given = {*mapping.get("further_texts", ()), *(mapping.get(role) for role in ROLES)}
        corrected["segments"] = [column for column in corrected["segments"] if column not in given]
    state["corrected_mapping"] = corrected
    corrections = state.get("corrected_dialect", {}), state["corrected_mapping"]
    detected = session.attempt(lambda: session.client().sniff(upload.upload_id, *corrections))
    if detected:
        state["upload"] = detected
