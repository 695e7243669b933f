"""Removes HTML from texts that may also contain formulas, hearts and stray angle brackets."""

from __future__ import annotations

import re

# Only known element names, so that "a < b", "<3" and "<my order number>" are kept.
_ELEMENTS = (
    "a abbr acronym address applet area article aside audio b base bdi bdo big blockquote body br button canvas "
    "caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed "
    "fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i "
    "iframe img input ins kbd label legend li link main map mark marquee menu meta meter nav nobr noframes "
    "noscript object ol optgroup option output p param picture pre progress q rp rt ruby s samp script section "
    "select slot small source span strike strong style sub summary sup svg table tbody td template textarea tfoot "
    "th thead time title tr track tt u ul var video wbr"
).replace(" ", "|")
_TAG = re.compile(rf"<\s?/?(?:{_ELEMENTS})(\s[^<>]*|/)?>", re.IGNORECASE)
_HIDDEN_START = re.compile(
    r"<(?:(?P<name>script|style)(?:\s[^<>]*)?>|(?P<comment>!--)|(?P<other>[!?][a-zA-Z][^<>]*>))", re.I
)
_HIDDEN_END = {
    "script": re.compile(r"</script\s*>", re.I),
    "style": re.compile(r"</style\s*>", re.I),
    "!--": re.compile("-->"),
}


def strip_markup(text: str) -> str:
    """Replace tags, comments, declarations, and script and style elements by a space; takes linear time."""
    if "<" not in text or ">" not in text:
        return text
    return _TAG.sub(_space_for_tag, _strip_hidden(text))


def _space_for_tag(match: re.Match[str]) -> str:
    attributes = (match[1] or "").strip(" \t\r\n/")
    # "if a <b and c> d" is not a tag: in pasted HTML the attributes have values.
    return " " if not attributes or "=" in attributes else match[0]


def _strip_hidden(text: str) -> str:
    """Remove script and style elements, comments and declarations; of an unclosed one only the start is removed."""
    parts: list[str] = []
    kept_from = 0
    unclosed: set[str] = set()
    while (start := _HIDDEN_START.search(text, kept_from)) is not None:
        kind = (start["name"] or start["comment"] or "").lower()
        end = start.end()
        if kind and kind not in unclosed:
            close = _HIDDEN_END[kind].search(text, end)
            if close is None:
                # Remembered, so that a text of many opening tags is not searched to its end for each of them.
                unclosed.add(kind)
            else:
                end = close.end()
        parts += (text[kept_from : start.start()], " ")
        kept_from = end
    return "".join([*parts, text[kept_from:]]) if parts else text
