"""The log-in page: plain HTML without scripts, in the UI's look, light or dark as the person's system."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

# Streamlit's font, Adobe's Source Sans 3, cut to Latin letters and the weights 400 to 700. Its licence (SIL OFL 1.1)
# requires another name for it. It is part of the page, which then needs no other file.
_FONT = base64.b64encode(Path(__file__).with_name("login_font.woff2").read_bytes()).decode()
# Colours and radii as in frontend/.streamlit/config.toml; a test compares the colours.
_STYLE = (
    "@font-face { font-family: 'ReviewLens Sans'; font-weight: 400 700; "
    f"src: url(data:font/woff2;base64,{_FONT}) format('woff2'); }}"
    """
:root { color-scheme: light dark; --page: #fcfcfb; --card: #ffffff; --ink: #1d2733; --quiet: #66727f; --line: #e3e6e8;
  --field: #8b959e; --accent: #0d7a6f; --on-accent: #ffffff; --bad: #a3211f; }
@media (prefers-color-scheme: dark) { :root { --page: #12171c; --card: #1a2128; --ink: #e6eaee; --quiet: #98a4b0;
  --line: #2c353e; --field: #66727f; --accent: #35b3a4; --on-accent: #12171c; --bad: #ff8f88; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--ink);
  font: 15px/1.6 "ReviewLens Sans", sans-serif; }
main { width: min(25rem, 92vw); padding: 2.2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
header { display: flex; align-items: center; gap: .6rem; font-size: 1.3rem; font-weight: 700;
  letter-spacing: -.015em; }
header svg { width: 2.1rem; height: 2.1rem; }
header rect { fill: var(--accent); }
header circle, header path { fill: none; stroke: var(--on-accent); stroke-linecap: round; }
h1 { margin: 1.4rem 0 0; font-size: 1.3rem; font-weight: 650; letter-spacing: -.01em; }
p { margin: .25rem 0 1.25rem; color: var(--quiet); }
p[role=alert] { color: var(--bad); font-weight: 600; }
label { display: block; margin: 0 0 1rem; font-size: .93rem; }
input { display: block; width: 100%; margin-top: .25rem; padding: .55rem .7rem; font: inherit; font-size: 1rem;
  color: inherit; background: var(--page); border: 1px solid var(--field); border-radius: 8px; }
input:focus, button:focus, a:focus { outline: 2px solid var(--accent); outline-offset: 2px; }
button, a.button { display: block; width: 100%; padding: .55rem; font: inherit; font-weight: 600; text-align: center;
  text-decoration: none; color: var(--on-accent); background: var(--accent); border: 0; border-radius: 8px;
  cursor: pointer; }
button:hover, a.button:hover { filter: brightness(1.08); }
"""
)
_MARK = """<svg viewBox="0 0 64 64" aria-hidden="true"><rect width="64" height="64" rx="14"/>
<circle cx="28" cy="28" r="15" stroke-width="5"/><path d="M39.5 39.5 51 51" stroke-width="6"/>
<path d="M21 31.5v-4M28 33.5v-11M35 31.5v-6" stroke-width="4"/></svg>"""


def log_in(name: str = "", message: str = "") -> str:
    """The page that asks for name and password, with an error message on top."""
    banner = f'<p role="alert">{escape(message)}</p>' if message else ""
    focus_name, focus_password = ("", " autofocus") if name else (" autofocus", "")
    return _page(
        "Log in",
        f"""<p>Log in to see your reviews.</p>
{banner}
<form method="post" action="/session/login">
<label>User name
<input name="username" value="{escape(name)}" maxlength="128" autocomplete="username" autocapitalize="none"
 spellcheck="false" required{focus_name}></label>
<label>Password
<input name="password" type="password" maxlength="256" autocomplete="current-password" required{focus_password}></label>
<button type="submit">Log in</button>
</form>""",
    )


def failed(message: str) -> str:
    """The page after a log-in that failed elsewhere: the error message, and a link that starts again."""
    return _page(
        "You are not logged in",
        f"""<p role="alert">{escape(message)}</p>
<a class="button" href="/session/login">Log in again</a>""",
    )


def _page(title: str, content: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - ReviewLens</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<header>{_MARK}ReviewLens</header>
<h1>{escape(title)}</h1>
{content}
</main>
</body>
</html>
"""


def content_policy(frontend_url: str) -> str:
    """Allow this one style and its font, no scripts or images; forms may lead to the UI: browsers check redirects."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    parts = urlsplit(frontend_url)
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; font-src data:; form-action 'self' {parts.scheme}://{parts.netloc};"
        " frame-ancestors 'none'; base-uri 'none'"
    )
