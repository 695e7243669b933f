"""Single reviews over HTTP."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from reviewlens.errors import ConfigurationError
from reviewlens.model.loading import load_scorer
from reviewlens.predictor import Predictor
from reviewlens.settings import Settings
from tests.backend.conftest import make_backend_app

GOOD, BAD = "This is excellent, I love it.", "This is terrible, I hate it."


def predict(backend_app, **body):
    return backend_app.client.post("/predict-sentiment", json=body, headers=backend_app.as_("ana"))


def test_one_text(backend_app):
    answer = predict(backend_app, text=GOOD).json()
    (found,) = answer["predictions"]
    assert found["sentiment"] == "positive"
    assert found["confidence"] == found["positive_score"]
    assert answer["model"]["engine"] == "textblob"


def test_many_texts_give_what_the_engine_gives_in_order(backend_app):
    texts = [f"{(GOOD, BAD)[n % 2]} Number {n}." for n in range(100)]
    found = predict(backend_app, texts=texts).json()["predictions"]
    expected = load_scorer("textblob").predict(texts)
    assert [row["positive_score"] for row in found] == [prediction.positive_score for prediction in expected]


def test_a_prediction_says_whether_it_is_mixed_and_tells_no_reasons_unasked(backend_app):
    (found,) = predict(backend_app, text=GOOD).json()["predictions"]
    assert set(found) == {"sentiment", "confidence", "positive_score", "needs_review", "mixed", "language"}
    assert found["mixed"] is False


def test_explanations_count_in_the_text_as_it_was_sent(backend_app):
    text = "  It is 😡 <b>terrible</b>, &amp; I hate it.\n\nThe colour is fine."
    (found,) = predict(backend_app, text=text, explain=True).json()["predictions"]
    parts = found["explanation"]
    expected = load_scorer("textblob").explain(text)
    assert parts == [asdict(part) for part in expected]
    told = {text[part["start"] : part["end"]]: part["contribution"] for part in parts if part["kind"] == "word"}
    assert min(told, key=told.get) in ("terrible", "hate")
    assert "b" not in told
    assert [text[p["start"] : p["end"]] for p in parts if p["kind"] == "passage"][-1] == "The colour is fine."


def test_several_texts_are_explained_each_by_itself(backend_app):
    texts = [GOOD, BAD, "Fine", *["Good."] * 7]
    found = predict(backend_app, texts=texts, explain=True).json()["predictions"]
    alone = [predict(backend_app, text=text, explain=True).json()["predictions"][0] for text in texts[:3]]
    assert found[:3] == alone
    assert [len(row["explanation"]) for row in found[3:]] == [1] * 7


def test_a_very_long_text_is_explained_too(backend_app):
    text = " ".join(f"It was good on day {n}, and bad at night." for n in range(600))
    (found,) = predict(backend_app, text=text, explain=True).json()["predictions"]
    assert found["explanation"][0]["start"] == 0
    assert 0 < len(found["explanation"]) < 1500


def test_too_many_texts_to_explain_are_refused(backend_app):
    answer = predict(backend_app, texts=[GOOD] * 11, explain=True)
    assert (answer.status_code, answer.json()["code"]) == (422, "too-many-to-explain")
    assert answer.json()["details"] == {"allowed": 10, "actual": 11}
    assert predict(backend_app, texts=[GOOD] * 11, explain=False).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid-request"),
        ({"text": GOOD, "texts": [BAD]}, "invalid-request"),
        ({"text": 7}, "invalid-request"),
        ({"texts": GOOD}, "invalid-request"),
        ({"texts": [GOOD, None]}, "invalid-request"),
        ({"text": ""}, "empty-text"),
        ({"text": " <br> \u200b "}, "empty-text"),
        ({"text": "", "explain": True}, "empty-text"),
        ({"text": GOOD, "explain": "why not"}, "invalid-request"),
        ({"texts": [GOOD] * 1001}, "too-many-texts"),
        ({"text": "x" * 100_001}, "text-too-long"),
    ],
)
def test_what_cannot_be_scored_is_refused(backend_app, body, code):
    answer = predict(backend_app, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize("explain", [False, True])
def test_an_empty_text_among_others_gets_its_reason_and_the_others_their_scores(backend_app, explain):
    answer = predict(backend_app, texts=[GOOD, "", BAD, " <br> \u200b "], explain=explain)
    assert answer.status_code == 200, answer.text
    good, empty, bad, blank = answer.json()["predictions"]
    assert (good["sentiment"], bad["sentiment"]) == ("positive", "negative")
    assert [good, bad] == predict(backend_app, texts=[GOOD, BAD], explain=explain).json()["predictions"]
    error = {"code": "empty-text", "message": "The text has no words; send some."}
    assert empty == blank == {"sentiment": None, "language": None, "error": error}
    assert ("explanation" in good) == explain


SPANISH = "El hotel estaba muy sucio y nadie contestaba al teléfono."


def test_a_text_that_the_model_does_not_read_gets_the_reason(backend_app):
    reason = {"code": "not-judged", "message": "Spanish; the model reads English"}
    unread = {"sentiment": None, "language": "es", "error": reason}
    good, spanish = predict(backend_app, texts=[GOOD, SPANISH]).json()["predictions"]
    assert (good["sentiment"], good["language"]) == ("positive", "en")
    assert spanish == unread
    alone = predict(backend_app, text=SPANISH, explain=True)
    assert alone.status_code == 200
    assert alone.json()["predictions"] == [unread]


def test_a_text_that_the_model_does_not_read_is_scored_on_request(backend_app):
    (judged,) = predict(backend_app, text=SPANISH, all_languages=True).json()["predictions"]
    (expected,) = load_scorer("textblob").predict([SPANISH])
    assert (judged["positive_score"], judged["language"]) == (expected.positive_score, "es")


def test_only_empty_texts_are_an_answer_too(backend_app):
    answer = predict(backend_app, texts=[""] * 70)
    assert answer.status_code == 200
    assert {row["error"]["code"] for row in answer.json()["predictions"]} == {"empty-text"}


def test_the_limits_are_exact(backend_app):
    assert len(predict(backend_app, texts=[GOOD] * 1000).json()["predictions"]) == 1000
    assert predict(backend_app, text="good " * 20_000).status_code == 200
    assert predict(backend_app, texts=[]).json()["predictions"] == []


def test_surrogates_and_controls_do_not_break_it(backend_app):
    for text in (
        '{"text": "\\ud800 fine"}',
        '{"text": "\\u0000 fine \\u202e"}',
        '{"text": "\\ud800 fi\\udfffne \\u202e", "explain": true}',
    ):
        answer = backend_app.client.post(
            "/predict-sentiment", content=text, headers={**backend_app.as_("ana"), "Content-Type": "application/json"}
        )
        assert answer.status_code in (200, 422), answer.text


def test_without_a_model_it_says_so(tmp_path):
    for backend_app in make_backend_app(tmp_path, engine="openvino", model=str(tmp_path / "nothing.tar.gz")):
        answer = predict(backend_app, text=GOOD)
        assert (answer.status_code, answer.json()["code"]) == (503, "no-bundle")
        ready = backend_app.client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["model"]) == (503, "no-bundle")
        assert ready.json()["checks"]["store"] == "ok"
        assert backend_app.client.get("/healthz").status_code == 200


def test_a_model_that_breaks_while_loading_is_told_without_its_message(tmp_path, monkeypatch):
    def broken(*_args, **_more):
        raise RuntimeError("secret words")

    monkeypatch.setattr("reviewlens.predictor.load_scorer", broken)
    model = Predictor(Settings(engine="textblob"))
    model.load()
    with pytest.raises(ConfigurationError) as unusable:
        model.predict([GOOD])
    assert unusable.value.code == "model-unusable"
    assert "secret" not in unusable.value.message


def test_who_settles_the_model_leaves_no_loading_behind():
    model = Predictor(Settings(engine="textblob"))
    model.settle()  # nothing is being loaded
    model.load()
    model.settle()
    model.check()
