"""The command line: up, link, analyze, user add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from reviewlens.errors import InputError, LimitError, ReviewLensError
from reviewlens.model.engines import ENGINE_CHOICES

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
user = typer.Typer(no_args_is_help=True, help="Users who may log in.")
app.add_typer(user, name="user")
console = Console(stderr=True, highlight=False)


def fail(error: ReviewLensError) -> typer.Exit:
    """Print an error's message. Returns the exit to raise: code 2 if the input is at fault, else 1."""
    console.print(f"[bold red]Error:[/] {escape(error.message)}", soft_wrap=True)
    return typer.Exit(2 if isinstance(error, InputError | LimitError) else 1)


@app.command()
def up() -> None:
    """Start ReviewLens on this machine and print a link that logs you in."""
    from reviewlens.cli.up import run_up

    try:
        raise typer.Exit(run_up(console))
    except ReviewLensError as error:
        raise fail(error) from error


@app.command()
def link(
    name: Annotated[str | None, typer.Argument(help="User to log in; default: the user that `up` logs in.")] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Analyse the example first if the user has no job yet.")
    ] = False,
) -> None:
    """Print another log-in link while ReviewLens is running."""
    from reviewlens.cli.link import print_link

    try:
        print_link(console, name, example=example)
    except ReviewLensError as error:
        raise fail(error) from error


@app.command()
def analyze(
    file: Annotated[Path, typer.Argument(help="A file of reviews: CSV, TSV, JSON Lines, JSON, Parquet or a workbook.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the results; default: out/<file name>.")] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="Column with review text: its name, or its number from 1. Repeat it for several."),
    ] = None,
    read_texts: Annotated[
        Literal["each", "joined"] | None,
        typer.Option(help="Whether several texts of a row are a review each, or joined into one."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Column with the title ('none': no such column).")] = None,
    rating: Annotated[str | None, typer.Option(help="Column with the rating.")] = None,
    date: Annotated[str | None, typer.Option(help="Column with the date.")] = None,
    product: Annotated[str | None, typer.Option(help="Column with the product.")] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option(help="Column to split the reviews by; may be repeated. Default: those detected ('none': none)."),
    ] = None,
    date_order: Annotated[
        Literal["day_first", "month_first", "year_first"] | None, typer.Option(help="How to read 03/04/2025.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of the text, such as utf-8, cp1252, koi8-r, gb18030 or shift_jis.")
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="comma, semicolon, tab, pipe, tilde, caret, colon, or any other single character."),
    ] = None,
    quoting: Annotated[
        Literal["double", "backslash", "typographic", "none"] | None, typer.Option(help="How quotes are written.")
    ] = None,
    header: Annotated[bool | None, typer.Option(help="Whether a row names the columns.")] = None,
    header_row: Annotated[int | None, typer.Option(min=1, help="Row that names the columns, from 1.")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a workbook; '*': all sheets with the same columns, as one.")
    ] = None,
    member: Annotated[str | None, typer.Option(help="File of a ZIP archive, by its name in the archive.")] = None,
    all_languages: Annotated[
        bool, typer.Option("--all-languages", help="Judge texts in languages that the model does not read as well.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(help=f"{ENGINE_CHOICES}; default: the setting's."),
    ] = None,
    choices: Annotated[
        Path | None, typer.Option(help="JSON file of choices, with the keys that --detect prints; flags win.")
    ] = None,
    detect: Annotated[
        bool, typer.Option("--detect", help="Print what is detected as JSON, and start nothing.")
    ] = False,
) -> None:
    """Analyse one file without a server."""
    from reviewlens.cli.choices import read_choices

    columns = {"title": title, "rating": rating, "date": date, "product": product}
    flags = {
        "encoding": encoding,
        "delimiter": delimiter,
        "quoting": quoting,
        "header": header,
        "header_row": header_row,
        "sheet": sheet,
        "member": member,
        "date_order": date_order,
        "read_texts": read_texts,
        "all_languages": True if all_languages else None,
    }
    try:
        chosen = read_choices(choices) if choices else {}
        chosen |= {name: value for name, value in flags.items() if value is not None}
        named: dict[str, list[str] | str | None] = {"text": text} if text else {}
        named |= {role: None if name == "none" else name for role, name in columns.items() if name is not None}
        chosen["roles"] = {**(chosen.get("roles") or {}), **named}
        if segment:
            chosen["roles"]["segments"] = [name for name in segment if name != "none"]
        if detect:
            from reviewlens.cli.detect import detect_file

            typer.echo(detect_file(file, chosen).model_dump_json(indent=2))
            return
        from reviewlens.cli.analyze import run_analyze

        raise typer.Exit(run_analyze(console, file, out, chosen, engine))
    except (InputError, LimitError) as error:
        if detect:
            typer.echo(json.dumps({"error": error.code, "message": error.message}, ensure_ascii=False))
            raise typer.Exit(2) from error
        raise fail(error) from error
    except ReviewLensError as error:
        raise fail(error) from error


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(help="A file of reviews: CSV, TSV, JSON Lines, JSON, Parquet or a workbook.")],
    name: Annotated[str, typer.Option("--user", prompt="User name", help="User name there.")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, help="Asked for if missing.")],
    to: Annotated[str, typer.Option(help="Address of the backend; default: as in the settings.")] = "",
    start: Annotated[bool, typer.Option(help="Also submit a job.")] = True,
) -> None:
    """Send a file to a running ReviewLens, and submit a job for it."""
    import httpx

    from reviewlens.cli.upload import run_upload
    from reviewlens.settings import Settings

    try:
        with httpx.Client(base_url=to or Settings().browser_backend_url, timeout=120) as http:
            raise typer.Exit(run_upload(console, http, file, name, password, start=start))
    except ReviewLensError as error:
        raise fail(error) from error


@user.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="The name to log in with.")],
    password: Annotated[str | None, typer.Option(help="Default: one is generated and printed.")] = None,
) -> None:
    """Add a user who may log in."""
    from reviewlens.cli.users import add_user

    try:
        add_user(console, name, password)
    except ReviewLensError as error:
        raise fail(error) from error
