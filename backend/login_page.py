"""The log-in pages: plain HTML without scripts, in the light or dark colours of the person's system."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlencode, urlsplit

from reviewlens.identity.challenges import Challenge, ChallengeKind

_STYLE = """
:root { color-scheme: light dark; --page: #f4f6f8; --card: #fff; --ink: #17212b; --soft: #55636f; --line: #c3ccd4;
  --act: #0f5fa8; --on-act: #fff; --bad: #a3211f; --good: #1c6b3c; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1419; --card: #1a2129; --ink: #e6ebf0; --soft: #a3b0bc;
  --line: #3d4954; --act: #6cb4f2; --on-act: #08131d; --bad: #ff8f88; --good: #7fd8a2; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { width: min(24rem, 92vw); padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; }
h1 { margin: 0; font-size: 1.5rem; }
p { margin: .25rem 0 1.25rem; color: var(--soft); }
p[role=alert], p[role=status] { color: var(--bad); margin: 0 0 1rem; font-weight: 600; }
p[role=status] { color: var(--good); }
p.key { padding: .6rem .7rem; font: 1rem/1.6 ui-monospace, monospace; color: var(--ink); background: var(--page);
  border-radius: .4rem; overflow-wrap: anywhere; user-select: all; }
label { display: block; margin: 0 0 1rem; font-weight: 600; }
input { display: block; width: 100%; margin-top: .25rem; padding: .6rem .7rem; font: inherit; font-weight: 400;
  color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: .4rem; }
input:focus, button:focus { outline: 3px solid var(--act); outline-offset: 1px; }
button { width: 100%; padding: .65rem; font: inherit; font-weight: 600; color: var(--on-act); background: var(--act);
  border: 0; border-radius: .4rem; cursor: pointer; }
button.quiet { margin-top: .6rem; color: var(--act); background: none; border: 1px solid var(--line); }
small { display: block; font-weight: 400; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
nav:not(:empty) { margin-top: 1.25rem; }
a { color: var(--act); }
"""


@dataclass(frozen=True)
class Field:
    """One labelled input with a `note` below it."""

    label: str
    name: str
    type: str = "text"
    value: str = ""
    limit: int = 256
    hints: str = ""
    note: str = ""


@dataclass(frozen=True)
class Page:
    """A heading, an introduction of one sentence, and one form. `also`: name and label of a second button."""

    title: str
    intro: str
    action: str
    fields: tuple[Field, ...]
    button: str
    hidden: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, str] | None = None
    links: tuple[tuple[str, str], ...] = ()
    secret: str = ""


_NAME_HINTS = 'autocomplete="username" autocapitalize="none" spellcheck="false"'
_CODE_HINTS = 'autocomplete="one-time-code" inputmode="numeric" spellcheck="false"'
_NEW_HINTS = 'autocomplete="new-password"'
_HIDDEN_HINTS = {"username": _NAME_HINTS}


def _name(value: str) -> Field:
    return Field("User name", "username", value=value, limit=128, hints=_NAME_HINTS)


def log_in(name: str = "", *, sign_up: bool = False, recovery: bool = False) -> Page:
    """Name and password; with links to sign-up and to a forgotten password, where the user pool offers them."""
    password = Field("Password", "password", "password", hints='autocomplete="current-password"')
    links: tuple[tuple[str, str], ...] = (("I have forgotten my password", "/session/forgotten"),) if recovery else ()
    links += (("Sign up", "/session/sign-up"),) if sign_up else ()
    return Page(
        "Log in", "Log in to see your reviews.", "/session/login", (_name(name), password), "Log in", links=links
    )


def challenge(step: Challenge) -> Page:
    """The next step of a log-in: a new password or a code."""
    back = (("Start again", "/session/login"),)
    hidden = {"session": step.session}
    if step.kind is ChallengeKind.NEW_PASSWORD:
        fields: tuple[Field, ...] = (
            Field("New password", "answer", "password", hints=_NEW_HINTS),
            Field("Repeat the password", "again", "password", hints=_NEW_HINTS),
        )
        hidden["username"] = step.name
        title, button, intro = "Choose a password", "Save and log in", step.prompt
    else:
        fields = (Field("Code", "answer", limit=16, hints=_CODE_HINTS),)
        title, button, intro = "One more step", "Log in", step.prompt
    if step.kind is ChallengeKind.SET_UP_APP:
        title = "Set up an authenticator app"
        intro = (
            "Your team logs in with a password and a code. On your phone, add this key to an authenticator app, "
            "then enter the six digits that the app shows."
        )
    return Page(title, intro, "/session/challenge", fields, button, hidden, links=back, secret=step.secret)


def sign_up(name: str = "", email: str = "") -> Page:
    """Sign up: a name, an email address and a password."""
    fields = (
        _name(name),
        Field("Email address", "email", "email", email, 254, 'autocomplete="email"', "A code is sent to it."),
        Field("Password", "password", "password", hints=_NEW_HINTS),
        Field("Repeat the password", "again", "password", hints=_NEW_HINTS),
    )
    links = (("Log in", "/session/login"), ("I have a code", "/session/confirm"))
    return Page(
        "Sign up",
        "With a user of your own, only you see your reviews.",
        "/session/sign-up",
        fields,
        "Sign up",
        links=links,
    )


def confirm(name: str = "", sent_to: str = "") -> Page:
    """The code that was sent to a new user's email address."""
    intro = f"Enter the code that was sent to {sent_to or 'your email address'}."
    fields = (_name(name), Field("Code", "code", limit=16, hints=_CODE_HINTS))
    links = (("Log in", "/session/login"),)
    also = ("resend", "Send another code")
    return Page("Confirm your address", intro, "/session/confirm", fields, "Confirm", also=also, links=links)


def forgotten(name: str = "") -> Page:
    """A forgotten password: the user name."""
    links = (("Log in", "/session/login"), ("I have a code", "/session/new-password"))
    return Page(
        "Forgotten password",
        "Enter your user name. You get a code by email, with which you can choose a new password.",
        "/session/forgotten",
        (_name(name),),
        "Send a code",
        links=links,
    )


def new_password(name: str = "") -> Page:
    """The code that was sent, and the new password."""
    fields = (
        _name(name),
        Field("Code", "code", limit=16, hints=_CODE_HINTS),
        Field("New password", "password", "password", hints=_NEW_HINTS),
        Field("Repeat the password", "again", "password", hints=_NEW_HINTS),
    )
    return Page(
        "Choose a new password",
        "Enter the code that was sent to your email address, and a new password.",
        "/session/new-password",
        fields,
        "Save",
        also=("resend", "Send another code"),
        links=(("Log in", "/session/login"),),
    )


def render(page: Page, message: str = "", *, good: bool = False) -> str:
    """The page as HTML, with a message on top; `good`: the message is not an error."""
    banner = f'<p role="{"status" if good else "alert"}">{escape(message)}</p>' if message else ""
    first = next((each.name for each in page.fields if not each.value), page.fields[0].name)
    inputs = "\n".join(_input(each, focused=each.name == first) for each in page.fields)
    # Not type="hidden": password managers look for the user name that a new password belongs to.
    hidden = "".join(
        f'<input hidden name="{escape(name)}" value="{escape(value)}" {_HIDDEN_HINTS.get(name, "")}>'
        for name, value in page.hidden.items()
    )
    also = (
        f'<button class="quiet" type="submit" name="{escape(page.also[0])}" value="1" formnovalidate>'
        f"{escape(page.also[1])}</button>"
        if page.also
        else ""
    )
    links = "".join(f'<a href="{escape(url)}">{escape(label)}</a>' for label, url in page.links)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(page.title)} - ReviewLens</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>ReviewLens</h1>
<p>{escape(page.intro)}</p>
{banner}
{_key(page.secret)}
<form method="post" action="{escape(page.action)}">
{hidden}
{inputs}
<button type="submit">{escape(page.button)}</button>
{also}
</form>
<nav>{links}</nav>
</main>
</body>
</html>
"""


def _input(field: Field, *, focused: bool) -> str:
    value = f' value="{escape(field.value)}"' if field.value else ""
    note = f"<small>{escape(field.note)}</small>" if field.note else ""
    hints = f"{field.hints} required{' autofocus' if focused else ''}"
    return f"""<label>{escape(field.label)}
<input name="{field.name}" type="{field.type}"{value} maxlength="{field.limit}" {hints}>{note}</label>"""


def _key(secret: str) -> str:
    """The key for an authenticator app: in groups, for typing, and as a link that opens the app on a phone."""
    if not secret:
        return ""
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    link = f"otpauth://totp/ReviewLens?{urlencode({'secret': secret, 'issuer': 'ReviewLens'})}"
    return f'<p class="key">{escape(groups)}</p><p><a href="{escape(link)}">Open the app on this phone</a></p>'


def content_policy(frontend_url: str) -> str:
    """Allow no scripts or images, and this one style; forms may lead to the UI, as browsers check redirects too."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    parts = urlsplit(frontend_url)
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self' {parts.scheme}://{parts.netloc};"
        " frame-ancestors 'none'; base-uri 'none'"
    )
