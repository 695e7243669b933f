"""The log-in page: plain HTML, in the colours that the person's system has chosen."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

_STYLE = """
:root { color-scheme: light dark; --page: #f4f6f8; --card: #fff; --ink: #17212b; --soft: #55636f; --line: #c3ccd4;
  --act: #0f5fa8; --on-act: #fff; --bad: #a3211f; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1419; --card: #1a2129; --ink: #e6ebf0; --soft: #a3b0bc;
  --line: #3d4954; --act: #6cb4f2; --on-act: #08131d; --bad: #ff8f88; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { width: min(24rem, 92vw); padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; }
h1 { margin: 0; font-size: 1.5rem; }
p { margin: .25rem 0 1.25rem; color: var(--soft); }
p[role=alert] { color: var(--bad); margin: 0 0 1rem; font-weight: 600; }
label { display: block; margin: 0 0 1rem; font-weight: 600; }
input { display: block; width: 100%; margin-top: .25rem; padding: .6rem .7rem; font: inherit; color: inherit;
  background: var(--page); border: 1px solid var(--line); border-radius: .4rem; }
input:focus, button:focus { outline: 3px solid var(--act); outline-offset: 1px; }
button { width: 100%; padding: .65rem; font: inherit; font-weight: 600; color: var(--on-act); background: var(--act);
  border: 0; border-radius: .4rem; cursor: pointer; }
"""


def render(message: str = "", name: str = "") -> str:
    """The page, with a message after a failure and the name typed before."""
    alert = f'<p role="alert">{escape(message)}</p>' if message else ""
    focus_name, focus_password = ("", " autofocus") if name else (" autofocus", "")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in - ReviewLens</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>ReviewLens</h1>
<p>Log in to see your reviews.</p>
{alert}
<form method="post" action="/session/login">
<label>User name
<input name="username" value="{escape(name)}" autocomplete="username" autocapitalize="none" spellcheck="false"
 maxlength="64" required{focus_name}></label>
<label>Password
 <input name="password" type="password" autocomplete="current-password"
 maxlength="256" required{focus_password}></label>
<button type="submit">Log in</button>
</form>
</main>
</body>
</html>
"""


def content_policy(frontend_url: str) -> str:
    """No script, no picture, this one style; the form may end at the UI (browsers check redirects after a form too)."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    parts = urlsplit(frontend_url)
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self' {parts.scheme}://{parts.netloc};"
        " frame-ancestors 'none'; base-uri 'none'"
    )
