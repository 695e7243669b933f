"""The columns of review text on the upload page: which they are, how several are read, and what is empty in them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from frontend import session, words
from frontend.api.models import ColumnInfo, Detected, Mapping, Upload
from frontend.client import ApiError

READ_AS = {
    "each": "Each answer is a review of its own",
    "joined": "The answers in a row are one review",
}
_COUNTED_BYTES = 16_000_000
"""A file of up to this size is counted at once, a larger one on request."""


def show(upload: Upload, label: str, by_index: dict[int, ColumnInfo], change: Callable[..., None]) -> None:
    """Show the choice of text columns with their reasons and counts. `change` detects again with corrections."""
    mapping = upload.sniffed.mapping
    chosen = columns_of(mapping)
    st.session_state["role-text"] = chosen
    names = words.distinct({index: column.name or f"column {index + 1}" for index, column in by_index.items()})

    def choose() -> None:
        columns = sorted(st.session_state["role-text"])
        if columns:
            change(upload, mapping={"text": columns[0], "further_texts": columns[1:]})

    st.multiselect(
        label,
        list(by_index),
        key="role-text",
        format_func=names.__getitem__,
        max_selections=10,
        placeholder="Choose the column with the review text",
        help="Choose several if customers write in more than one column, such as answers to several questions.",
        on_change=choose,
    )
    if not mapping:
        st.caption(":material/error: Required: choose the column with the review text.")
        return
    st.caption("  \n".join(map(words.escape, _facts(upload, [by_index[index] for index in chosen]))))
    if len(chosen) > 1:
        _how(upload, mapping.read_texts, change)
    _counts(upload, several=len(chosen) > 1)


def _facts(upload: Upload, columns: list[ColumnInfo]) -> list[str]:
    """Why these columns, and examples of their texts."""
    reason = upload.sniffed.mapping_reasons.get("text", "")
    lines = [reason[:1].upper() + reason[1:]]
    for column in columns:
        examples = [words.cut(" ".join(example.split()), 60) for example in column.examples if example.strip()]
        if examples and len(columns) == 1:
            lines.append(f"e.g. {' · '.join(examples[:2])}")
        elif examples:
            lines.append(f"{words.cut(column.name, 40)} e.g. {max(examples, key=len)}")
    return [line for line in lines if line]


def _how(upload: Upload, read_texts: str, change: Callable[..., None]) -> None:
    st.session_state["read-texts"] = read_texts
    st.radio(
        "How they are read",
        list(READ_AS),
        key="read-texts",
        format_func=READ_AS.__getitem__,
        captions=["The results have the question of each review.", "The results have one line for each row."],
        on_change=lambda: change(upload, mapping={"read_texts": st.session_state["read-texts"]}),
    )


def _counts(upload: Upload, *, several: bool) -> None:
    """How many texts there are to score, and how many are empty."""
    key = f"{upload.upload_id} {upload.sniffed.model_dump_json()}"
    later = upload.size_bytes > _COUNTED_BYTES and key not in st.session_state.get("text_counts", {})
    if later and not st.button("Count the texts", icon=":material/calculate:", type="tertiary", key="count-texts"):
        return
    try:
        with st.spinner("Counting the texts …"):
            found = session.remembered("text_counts", key, lambda: session.client().detected(upload.upload_id))
    except ApiError as error:
        session.show_problem(error, "The texts could not be counted.")
        return
    st.caption(words.escape(count_words(found, several=several)), help="Empty texts and placeholders are not scored.")


def count_words(found: Detected, *, several: bool) -> str:
    """The counts in one sentence: '97 texts to score in 40 rows; 23 answers are empty; 2 rows have no text'."""
    scope = " (counted in the first rows of the file)" if found.sampled else ""
    readable = found.rows - found.rejected
    parts = [f"{words.many(found.texts, 'text')} to score in {words.many(readable, 'row')}"]
    if several and found.read_texts == "each":
        parts.append(f"{words.many(found.empty_texts, 'answer')} {'is' if found.empty_texts == 1 else 'are'} empty")
    has = "has" if found.rows_without_text == 1 else "have"
    parts.append(f"{words.many(found.rows_without_text, 'row')} {has} no text")
    return "; ".join(parts) + f"{scope}."


def columns_of(mapping: Mapping | None) -> list[int]:
    """All columns of review text of a mapping; [] without one."""
    return [mapping.text, *mapping.further_texts] if mapping else []
