"""The data that every section of the dashboard uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import altair as alt
import streamlit as st

from frontend.api.models import Dashboard, JobView
from frontend.filters import Filters, chart_key, on_select
from frontend.style import Colours


@dataclass(frozen=True)
class View:
    """One job, its dashboard (of all rows or, if `focused`, of the matching ones), and the filters."""

    job: JobView
    board: Dashboard
    filters: Filters
    focused: bool
    look: Colours

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.job_id

    def chart(
        self,
        chart: alt.Chart | alt.LayerChart,
        name: str,
        kind: str,
        read: Callable[[list[dict[str, Any]]], Filters],
        alt_text: str,
    ) -> None:
        """Draw a chart; a click in it sets the filters of one kind."""
        st.altair_chart(
            chart,
            key=chart_key(name, self.id),
            on_select=on_select(self.id, kind, name, read),
            width="stretch",
            alt=alt_text,
        )

    def unavailable(self, note: str, otherwise: str) -> None:
        """Say why a section has nothing to show."""
        st.caption(f":material/info: {note or otherwise}")
