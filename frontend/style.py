"""The colours of both themes, and the CSS rules that Streamlit's theme cannot express."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
ICON = str(_HERE / "images" / "icon.png")


@dataclass(frozen=True)
class Colours:
    """Blue for positive, orange for negative: they differ for every kind of colour vision, and in lightness."""

    positive: str
    negative: str
    positive_soft: str
    negative_soft: str
    accent: str
    ink: str
    quiet: str
    line: str
    ground: str


LIGHT = Colours(
    positive="#2b6cb0",
    negative="#d0611f",
    positive_soft="#b9d3ec",
    negative_soft="#f5cdb3",
    accent="#0d7a6f",
    ink="#1d2733",
    quiet="#66727f",
    line="#e3e6e8",
    ground="#ffffff",
)
DARK = Colours(
    positive="#63a8ea",
    negative="#f09355",
    positive_soft="#284866",
    negative_soft="#67401f",
    accent="#35b3a4",
    ink="#e6eaee",
    quiet="#98a4b0",
    line="#2c353e",
    ground="#1a2128",
)


def colours() -> Colours:
    """The colours of the browser's current theme."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def apply() -> None:
    """Add style.css to the page, with this theme's colours."""
    now = colours()
    variables = "".join(f"--rl-{name.replace('_', '-')}:{value};" for name, value in vars(now).items())
    st.html(f"<style>:root{{{variables}}}\n{(_HERE / 'style.css').read_text(encoding='utf-8')}</style>")


def logo() -> None:
    """Show the wordmark above the navigation."""
    kind = "dark" if st.context.theme.type == "dark" else "light"
    st.logo(str(_HERE / "images" / f"logo-{kind}.svg"), size="large", icon_image=str(_HERE / "images" / "icon.svg"))


def wordmark() -> None:
    """Show the wordmark on a page without navigation."""
    kind = "dark" if st.context.theme.type == "dark" else "light"
    st.image(str(_HERE / "images" / f"logo-{kind}.svg"), width=220)


def link_button(label: str, url: str, *, primary: bool = False) -> None:
    """A link that looks like a button and opens in the same tab, as log-in and log-out need."""
    kind = "rl-button rl-primary" if primary else "rl-button"
    st.markdown(
        f'<a class="{kind}" href="{html.escape(url, quote=True)}" target="_self">{html.escape(label)}</a>',
        unsafe_allow_html=True,
    )


def post_button(label: str, url: str) -> None:
    """A button that sends an empty form to another address, in the same tab."""
    st.html(
        f'<form method="post" action="{html.escape(url, quote=True)}">'
        f'<button class="rl-button" type="submit">{html.escape(label)}</button></form>'
    )


def go_by_way_of(url: str) -> None:
    """Send the browser to another address, which gets this page's path in the parameter `to` and leads back to it."""
    here = "encodeURIComponent(window.location.pathname + window.location.search)"
    script = f"window.location.replace({json.dumps(url + '?to=')} + {here})"
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
