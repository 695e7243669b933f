"""`./run analyze`, as a person runs it: results, bad input, an interrupted run that goes on."""

from __future__ import annotations

import csv
import errno
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from reviewlens import cli
from reviewlens.contracts.summary import Summary
from reviewlens.errors import ConfigurationError, InputError, LimitError, ReviewLensError, TransientError
from reviewlens.jobs.dispatcher import Dispatcher
from reviewlens.launch import subprocess as launch
from tests.reading.workbooks_help import xlsx
from tests.shared_spark import SharedSparkTasks, python_with_task
from tests.summaries import summary_of
from tests.timing import wait_until

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "reviews.csv"
pytestmark = pytest.mark.spark


Analyze = Callable[..., Result]


@pytest.fixture
def on_shared_spark(shared_spark_tasks: SharedSparkTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "default_command", lambda: shared_spark_tasks.command)


@pytest.fixture
def analyze(on_shared_spark: None) -> Analyze:
    """`./run analyze` in this process, its task on the Spark that all tests share; keywords are settings."""

    def run(*arguments: object, **settings: str) -> Result:
        command = ["analyze", *map(str, arguments)]
        return CliRunner().invoke(cli.app, command, env={"COLUMNS": "200", **settings}, catch_exceptions=False)

    return run


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_sheets_and_the_header_row_can_be_chosen(analyze: Analyze, tmp_path: Path) -> None:
    header = ["Review", "Rating"]
    months = {
        "About": [["About this workbook"]],
        "Jan": [header, ["Works well and looks good", 5.0], ["Broke after two days", 1.0]],
        "Feb": [["Export of February"], header, ["Does what it says and no more", 3.0], ["Total", 9.0], header],
    }
    book = tmp_path / "months.xlsx"
    book.write_bytes(xlsx(months))
    done = analyze(book, "--sheet", "*", "--out", tmp_path / "all", REVIEWLENS_ENGINE="textblob")
    assert done.exit_code == 0, done.output
    assert "sheet Jan, sheet Feb" in done.output
    assert [row["Review"] for row in _rows(tmp_path / "all" / "served.csv")] == [
        "Works well and looks good",
        "Broke after two days",
        "Does what it says and no more",
    ]
    rejected = _rows(tmp_path / "all" / "rejected.csv")
    assert [(row["row"], row["reason"]) for row in rejected] == [("4", "total-row"), ("5", "repeated-header")]
    titled = tmp_path / "titled.csv"
    titled.write_text("a,b\nReview,Rating\nWorks well and looks good,5\n")
    done = analyze(titled, "--header-row", "2", "--out", tmp_path / "titled", REVIEWLENS_ENGINE="textblob")
    assert done.exit_code == 0, done.output
    assert [row["Review"] for row in _rows(tmp_path / "titled" / "served.csv")] == ["Works well and looks good"]


def test_the_example_gives_results_whose_counts_add_up(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reviewlens", "analyze", str(EXAMPLE), "--out", str(tmp_path)]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "inference_summary.json").read_text())
    served, rejected = _rows(tmp_path / "served.csv"), _rows(tmp_path / "rejected.csv")
    judged = summary["rows_scored"] + summary["rows_duplicate"]
    assert summary["rows_read"] == judged + summary["rows_not_judged"] + summary["rows_rejected"]
    assert len(served) == judged + summary["rows_not_judged"] > 300
    assert len(rejected) == summary["rows_rejected"] > 0
    positive = sum(row["sentiment"] == "positive" for row in served)
    assert summary["distribution"] == {"positive": positive, "negative": judged - positive}
    assert " rejected" in done.stderr and "served.csv" in done.stderr
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<html" in report and "http://" not in report.replace("http://www.w3.org", "")
    assert not (tmp_path / ".work").exists()


def test_columns_are_named_by_name_or_number(tmp_path: Path, analyze: Analyze) -> None:
    source = tmp_path / "two.csv"
    rows = ['"What a lovely thing to own, I use it daily",awful and late', '"It works, I am glad",dreadful answer']
    source.write_text("\n".join(["comment,reply", *rows, '"Very nice, thanks",a terrible mess']) + "\n")
    for number, choice in enumerate(("reply", "2")):
        out = tmp_path / str(number)
        done = analyze(source, "--out", out, "--text", choice, "--engine", "textblob")
        assert done.exit_code == 0, done.stderr
        assert {row["sentiment"] for row in _rows(out / "served.csv")} == {"negative"}
    done = analyze(source, "--out", tmp_path / "none", "--text", "third", "--engine", "textblob")
    assert done.exit_code == 2
    assert "no column 'third'" in done.stderr and "2: reply" in done.stderr
    assert not (tmp_path / "none" / ".work").exists()


def test_what_cannot_be_read_is_said_in_words(tmp_path: Path, analyze: Analyze) -> None:
    missing = analyze(tmp_path / "none.csv")
    assert missing.exit_code == 2 and "There is no file" in missing.stderr
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    done = analyze(empty, "--out", tmp_path / "out")
    assert done.exit_code == 2 and "empty" in done.stderr
    picture = tmp_path / "picture.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    done = analyze(picture, "--out", tmp_path / "out")
    assert done.exit_code == 2 and "Error:" in done.stderr and "Traceback" not in done.stderr


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path: Path, analyze: Analyze) -> None:
    source = tmp_path / "odd.csv"
    source.write_text('comment[/b],[red]reply\n"What a lovely thing to own",1\n"It broke at once",2\n')
    done = analyze(source, "--out", tmp_path / "out", "--text", "third", "--engine", "textblob")
    assert done.exit_code == 2
    assert "1: comment[/b], 2: [red]reply" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("[/b]"), 2), (LimitError("[/b]"), 2), (TransientError("[/b]"), 1), (ConfigurationError("[/b]"), 1)],
)
def test_only_the_input_is_blamed_with_2(error: ReviewLensError, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(cli, "console", Console(file=said))
    assert cli.fail(error).exit_code == code
    assert "[/b]" in said.getvalue()


@pytest.mark.parametrize(("band", "told"), [([0.3, 0.7], True), (None, False)])
def test_mixed_reviews_are_printed_where_the_model_can_tell(band: list[float] | None, told: bool) -> None:
    analyze = importlib.import_module("reviewlens.cli.analyze")  # the package has a command of the same name
    document = summary_of(
        rows_read=40,
        rows_scored=39,
        rows_duplicate=1,
        distribution={"positive": 30, "negative": 10},
        needs_review=9,
        mixed=6,
        model={"mixed_band": band},
    )
    summary = Summary.model_validate(document)
    said = io.StringIO()
    analyze._show_results(Console(file=said, width=120), summary, Path("out"))
    lines = [line.split() for line in said.getvalue().splitlines()]
    assert ["needs", "review", "9", "22.5%"] in lines
    assert (["mixed", "6", "15.0%"] in lines) == told
    assert ("mixed" in said.getvalue()) == told


@pytest.mark.usefixtures("on_shared_spark")
def test_results_that_cannot_be_copied_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analyze = importlib.import_module("reviewlens.cli.analyze")  # the package has a command of the same name
    source = tmp_path / "two.csv"
    source.write_text('comment,stars\n"What a lovely thing to own, I use it daily",5\n"It broke at once, awful",1\n')

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    arguments = (Console(file=io.StringIO()), source, tmp_path / "out", {}, "textblob")
    with monkeypatch.context() as patch:
        patch.setattr(analyze, "_collect", full)
        with pytest.raises(TransientError, match="No space left"):
            analyze.run_analyze(*arguments)
    monkeypatch.setattr(Dispatcher, "tick", lambda self: None)  # nothing is left to do but to copy
    assert analyze.run_analyze(*arguments) == 0
    assert len(_rows(tmp_path / "out" / "served.csv")) == 2
    assert not (tmp_path / "out" / ".work").exists()


def test_an_interrupted_run_goes_on_and_ends_the_same(
    tmp_path: Path, analyze: Analyze, shared_spark_tasks: SharedSparkTasks
) -> None:
    source = tmp_path / "many.csv"
    lines = [f"{index},It was {('good', 'bad')[index % 2]} and number {index} of many" for index in range(2000)]
    source.write_text("id,review\n" + "\n".join(lines) + "\n")
    settings = {"REVIEWLENS_SLICE_ROWS": "200", "REVIEWLENS_WORKERS": "1"}
    options = (source, "--engine", "textblob", "--out")
    assert analyze(*options, tmp_path / "whole", **settings).exit_code == 0
    cut = tmp_path / "cut"
    environment = {**os.environ, "COLUMNS": "200", **settings}
    command = python_with_task(shared_spark_tasks.command, "from reviewlens.cli import app; app()")
    command += ["analyze", *map(str, options), str(cut)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(list(cut.glob(".work/objects/output/*/*/_work/**/00002.parquet"))) >= 2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 4, said
    assert "Run the same command again" in said
    again = analyze(*options, cut, **settings)
    assert again.exit_code == 0, again.stderr
    for name in ("served.csv", "rejected.csv", "processed.csv"):
        assert (cut / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


SOURCE = """reviewer said;kept;when
"A lovely lamp, it lights the room";7;03/04/2024
"It broke after two days, awful";1;04/04/2024
;5;05/04/2024
"Does what it says and nothing more";6;06/04/2024
"""


def _detect(*arguments: object, code: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(cli.app, ["analyze", *map(str, arguments), "--detect"], catch_exceptions=False)
    assert done.exit_code == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_detect_prints_one_document_and_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "reviews.csv"
    source.write_text(SOURCE)
    document = _detect(source)
    assert (document["format"], document["delimiter"], document["header_row"]) == ("csv", ";", 1)
    assert (document["rows"], document["texts"], document["empty_texts"], document["rejected"]) == (4, 3, 1, 0)
    assert document["roles"]["text"] == ["reviewer said"]
    assert (document["roles"]["date"], document["date_order"]) == ("when", "month_first")
    assert document["first_date"] == {"raw": "03/04/2024", "read": "2024-03-04"}
    (warning,) = document["warnings"]
    assert (warning["code"], warning["examples"]) == ("date-order-ambiguous", ["03/04/2024"])
    assert [path.name for path in tmp_path.iterdir()] == ["reviews.csv"]


def test_choices_are_given_back_in_a_file_or_as_flags(tmp_path: Path) -> None:
    source, choices = tmp_path / "reviews.csv", tmp_path / "choices.json"
    source.write_text(SOURCE)
    document = _detect(source)
    document["roles"]["rating"] = "kept"
    document["rating_scale"] = [1, 7]
    document["date_order"] = "day_first"
    choices.write_text(json.dumps(document))
    chosen = _detect(source, "--choices", choices)
    assert (chosen["roles"]["rating"], chosen["rating_scale"], chosen["ratings_read"]) == ("kept", [1, 7], 4)
    assert chosen["first_date"]["read"] == "2024-04-03"
    choices.write_text(json.dumps(chosen))
    assert _detect(source, "--choices", choices) == chosen, "a document that is given back changes nothing"
    assert _detect(source, "--choices", choices, "--rating", "none")["roles"]["rating"] is None
    choices.write_text('{"roles": {"rating": "kept"}, "rating_scale": 7}')
    assert _detect(source, "--choices", choices, "--date-order", "day_first") == chosen
    choices.write_text('{"header_row": null, "roles": {"text": "column_1"}}')
    assert _detect(source, "--choices", choices)["rows"] == 5


def test_segments_are_chosen_in_a_file_or_by_flags(tmp_path: Path) -> None:
    source, choices = tmp_path / "reviews.csv", tmp_path / "choices.json"
    lines = [f"A lovely lamp for room {n},{1 + n % 5},{'NS'[n % 2]},{'ab'[n % 2]},Lamp {n % 2}" for n in range(20)]
    source.write_text("\n".join(["Review,Stars,Team,Plan,Product", *lines]))
    document = _detect(source)
    assert document["roles"]["segments"] == ["Team", "Plan"]
    choices.write_text(json.dumps(document))
    assert _detect(source, "--choices", choices) == document
    document["roles"]["product"] = "Team"  # a column with a role is no segment any more
    choices.write_text(json.dumps(document))
    assert _detect(source, "--choices", choices)["roles"]["segments"] == ["Plan"]
    choices.write_text('{"roles": {"segments": ["Plan", "plan", "Product"]}}')
    assert _detect(source, "--choices", choices)["roles"]["segments"] == ["Plan"]
    assert _detect(source, "--segment", "Plan", "--segment", "Team")["roles"]["segments"] == ["Plan", "Team"]
    assert _detect(source, "--segment", "none")["roles"]["segments"] == []
    assert _detect(source, "--segment", "Stars", code=2)["error"] == "column-has-role"
    assert _detect(source, "--segment", "Nothing", code=2)["error"] == "no-such-column"
    choices.write_text('{"roles": {"segments": "Plan"}}')
    assert _detect(source, "--choices", choices, code=2)["error"] == "bad-choices"


def test_several_text_columns_are_chosen_by_repeated_flags_or_a_list(tmp_path: Path) -> None:
    source, choices = tmp_path / "work.csv", tmp_path / "choices.json"
    lines = (f"The people are kind on day {day},Long hours and low pay on day {day}," for day in range(30))
    source.write_text("pros,cons,advice\n" + "".join(f"{line}\n" for line in lines))
    document = _detect(source)
    assert (document["roles"]["text"], document["read_texts"]) == (["pros", "cons"], "each")
    assert (document["rows"], document["texts"], document["empty_texts"]) == (30, 60, 0)
    choices.write_text(json.dumps(document))
    assert _detect(source, "--choices", choices) == document, "a document that is given back changes nothing"
    assert _detect(source, "--text", "cons")["roles"]["text"] == ["cons"]
    chosen = _detect(source, "--choices", choices, "--text", "cons", "--text", "3", "--read-texts", "joined")
    assert (chosen["roles"]["text"], chosen["read_texts"]) == (["cons", "advice"], "joined")
    assert (chosen["texts"], chosen["empty_texts"], chosen["rows_without_text"]) == (30, 0, 0)
    choices.write_text('{"roles": {"text": ["advice", "pros"]}}')
    assert _detect(source, "--choices", choices)["empty_texts"] == 30


@pytest.mark.parametrize(
    ("choices", "code"),
    [
        ("[]", "bad-choices"),
        ("{", "bad-choices"),
        ('{"nonsense": 1}', "bad-choices"),
        ('{"roles": ["kept"]}', "bad-choices"),
        ('{"roles": {"stars": "kept"}}', "bad-choices"),
        ('{"roles": {"rating": 1}}', "bad-choices"),
        ('{"roles": {"text": "third"}}', "no-such-column"),
        ('{"roles": {"text": ["kept", "third"]}}', "no-such-column"),
        ('{"roles": {"text": ["kept", "kept"]}}', "column-chosen-twice"),
        ('{"roles": {"text": ["kept", 2]}}', "bad-choices"),
        ('{"roles": {"text": {"kept": 1}}}', "bad-choices"),
        ('{"delimiter": "comma", "roles": {"text": "kept"}}', "no-such-column"),
        ('{"encoding": "klingon"}', "invalid-override"),
    ],
)
def test_choices_that_do_not_fit_are_refused(tmp_path: Path, choices: str, code: str) -> None:
    source, file = tmp_path / "reviews.csv", tmp_path / "choices.json"
    source.write_text(SOURCE)
    file.write_text(choices)
    assert _detect(source, "--choices", file, code=2)["error"] == code


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "no-such-file"), (b"", "empty-file"), (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, None)],
)
def test_a_file_that_cannot_be_read_is_an_error_document(tmp_path: Path, content: bytes | None, code: str) -> None:
    source = tmp_path / "reviews.csv"
    if content is not None:
        source.write_bytes(content)
    document = _detect(source, code=2)
    assert document.keys() == {"error", "message"}
    assert document["error"] == code or code is None
    assert document["message"]


def test_a_job_uses_the_choices_of_the_file(tmp_path: Path, analyze: Analyze) -> None:
    source, choices = tmp_path / "reviews.csv", tmp_path / "choices.json"
    source.write_text(
        "comment,reply\n" + '"What a lovely thing to own",awful and late\n"It works, I am glad",dreadful\n'
    )
    choices.write_text('{"roles": {"text": ["reply"]}}')
    done = analyze(source, "--out", tmp_path / "out", "--choices", choices, "--engine", "textblob")
    assert done.exit_code == 0, done.stderr
    assert {row["sentiment"] for row in _rows(tmp_path / "out" / "served.csv")} == {"negative"}


def test_a_file_of_a_zip_archive_can_be_chosen(analyze: Analyze, tmp_path: Path) -> None:
    packed = tmp_path / "months.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("2024/jan.csv", "Review,Rating\nWorks well and looks good,5\nBroke after two days,1\n")
        archive.writestr("2024/feb.csv", "Review,Rating\nDoes what it says and no more,3\n")
    undecided = analyze(packed, "--text", "Review", "--out", tmp_path / "undecided")
    assert (undecided.exit_code, "2024/jan.csv, 2024/feb.csv" in undecided.output) == (2, True)
    done = analyze(packed, "--member", "2024/feb.csv", "--out", tmp_path / "feb", REVIEWLENS_ENGINE="textblob")
    assert done.exit_code == 0, done.output
    assert [row["Review"] for row in _rows(tmp_path / "feb" / "served.csv")] == ["Does what it says and no more"]
    detected = json.loads(analyze(packed, "--detect", "--member", "2024/jan.csv").stdout)
    assert (detected["member"], detected["members"], detected["rows"]) == (
        "2024/jan.csv",
        ["2024/jan.csv", "2024/feb.csv"],
        2,
    )
    choices = tmp_path / "choices.json"
    choices.write_text(json.dumps(detected))
    assert json.loads(analyze(packed, "--detect", "--choices", choices).stdout) == detected
