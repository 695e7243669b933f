"""What people write never reaches a log or an error; what happened does."""

from __future__ import annotations

import json
import logging

import pytest

from reviewlens.jobs.interface import JobState
from reviewlens.logs import JsonFormatter, configure_logging, request_id
from tests.backend.conftest import make_backend_app

CANARY = "zanzibarcanary"


@pytest.fixture
def restored_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)
    logging.getLogger("uvicorn.access").disabled = False


def test_no_review_text_in_logs_or_errors(tmp_path, restored_logging, monkeypatch):
    log = tmp_path / "logs" / "fastapi.log"
    configure_logging(log, "DEBUG")
    for backend_app in make_backend_app(tmp_path):
        ana = backend_app.as_("ana")
        json_ana = {**ana, "Content-Type": "application/json"}
        good = f"Text,Rating\nThe {CANARY} is lovely,5\nA poor {CANARY},1\n".encode()
        upload = backend_app.client.post(f"/uploads?filename={CANARY}.csv", content=good, headers=ana).json()
        job = backend_app.finished(texts=(f"A {CANARY} that works", f"A broken {CANARY}"))
        client = backend_app.client
        # each of these is refused, and none may say what it was sent
        refused = [
            client.post("/predict-sentiment", content=f'{{"text": "{CANARY}'.encode(), headers=json_ana),
            client.post("/predict-sentiment", json={"text": {"inner": CANARY}}, headers=ana),
            client.post("/predict-sentiment", json={CANARY: "x", "text": "x"}, headers=ana),
            client.post("/predict-sentiment", json={"text": f"{CANARY} " * 20_000}, headers=ana),
            client.post("/uploads", content=good, headers=ana),
            client.post("/uploads", content=good, headers={**ana, "Content-Type": "multipart/form-data; boundary=x"}),
            client.post("/uploads?filename=a.csv", content=f"{CANARY}\n".encode() * 20_000, headers=ana),
            client.post("/uploads?filename=a.xlsx", content=b"PK\x03\x04" + CANARY.encode() * 99, headers=ana),
            client.post("/generate_dashboard", json={"job_id": job, "filters": {"sentiment": CANARY}}, headers=ana),
            client.get(f"/jobs/{job}/reviews?sentiment={CANARY}", headers=ana),
            client.get(f"/jobs/{job}/reviews?{CANARY}=1", headers=ana),
            client.get(f"/jobs/{job}/reviews?cursor={CANARY}", headers=ana),
            client.get(f"/jobs/{CANARY}", headers=ana),
            client.get(f"/{CANARY}", headers=ana),
            client.post("/login", json={"username": CANARY, "password": CANARY}),
            client.get(f"/session/start?token={CANARY}"),
        ]
        # these are answered, with the words where they belong
        answered = [
            client.post("/predict-sentiment", json={"text": f"The {CANARY} is lovely"}, headers=ana),
            client.get(f"/uploads/{upload['upload_id']}", headers=ana),
            client.get(f"/jobs/{job}/reviews?words={CANARY}", headers=ana),
            client.post("/generate_dashboard", json={"job_id": job, "filters": {"words": CANARY}}, headers=ana),
            client.get(f"/jobs/{job}/export?what=filtered&words={CANARY}", headers=ana),
            client.post("/predict-sentiment", json={"texts": [CANARY, ""]}, headers=ana),
        ]

        # and this one breaks in a way that nobody foresaw
        def broken(*_args, **_more):
            raise RuntimeError(f"cannot cope with {CANARY}")

        monkeypatch.setattr(backend_app.platform.jobs, "page", broken)
        refused.append(client.get("/jobs", headers=ana))
        failing = backend_app.submit()["job_id"]
        backend_app.wait(failing, JobState.RUNNING)
        (backend_app.output(failing) / "error.json").write_text('{"code": "bad-file", "message": "The file is bad."}')
        backend_app.wait(failing, JobState.FAILED)
    for answer in refused:
        assert answer.status_code >= 400, answer.request.url
        assert CANARY not in answer.text.lower(), answer.request.url
    for answer in answered:
        assert answer.status_code == 200
    assert CANARY in answered[2].text
    assert CANARY not in answered[-1].text, "an empty text among others is answered with its reason alone"
    files = [path for path in (tmp_path / "logs").rglob("*") if path.is_file()]
    assert log in files
    for path in files:
        assert CANARY not in path.read_text().lower(), path
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = [line for line in lines if line["message"] == "request" and line["status"] == 500]
    assert told[0]["route"] == "/jobs"
    assert told[0]["request_id"] == refused[-1].headers["x-request-id"]
    (fault,) = [line for line in lines if line.get("exception", {}).get("types") == ["RuntimeError"]]
    assert any("in broken" in frame or "broken" in frame for frame in fault["exception"]["frames"])


def test_a_line_is_one_json_object(tmp_path, restored_logging, capsys):
    configure_logging(tmp_path / "x.log", "INFO")
    mark = request_id.set("request-1")
    try:
        raise ValueError("a message")
    except ValueError:
        logging.getLogger("some").exception("it %s\nbroke", "really", extra={"facts": {"count": 7}})
    request_id.reset(mark)
    logging.getLogger("some").debug("not this")
    (line,) = (tmp_path / "x.log").read_text().splitlines()
    found = json.loads(line)
    assert (found["message"], found["level"], found["logger"]) == ("it really\nbroke", "ERROR", "some")
    assert (found["request_id"], found["count"]) == ("request-1", 7)
    assert found["exception"]["types"] == ["ValueError"]
    assert "a message" not in line
    assert capsys.readouterr().out.strip() == line


def test_a_chain_of_exceptions_is_told_by_its_types():
    first, second = KeyError("a"), OSError("b")
    second.__cause__, first.__context__ = first, second
    record = logging.LogRecord("n", logging.ERROR, "f", 1, "m", (), (OSError, second, None))
    assert json.loads(JsonFormatter().format(record))["exception"]["types"] == ["OSError", "KeyError"]
    bare = logging.LogRecord("n", logging.ERROR, "f", 1, "m", (), (None, None, None))
    assert "exception" not in json.loads(JsonFormatter().format(bare))
