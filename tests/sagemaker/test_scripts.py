"""The scripts that SageMaker runs, called as it calls them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from reviewlens.errors import InputError
from reviewlens.model.loading import open_bundle
from reviewlens.training.sagemaker_env import sagemaker_folders

SCRIPTS = Path(__file__).parents[2] / "sagemaker"


@pytest.fixture(scope="module")
def inference() -> ModuleType:
    found = importlib.util.spec_from_file_location("reviewlens_inference_door", SCRIPTS / "inference.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_endpoint_answers_json(inference: ModuleType, cache_dir: Path) -> None:
    scorer = inference.model_fn(str(open_bundle(None, cache_dir).dir))
    texts = inference.input_fn(b'{"texts": ["I love it", "It broke, awful"]}', "application/json; charset=utf-8")
    body, kind = inference.output_fn(inference.predict_fn(texts, scorer), "application/json")
    rows = json.loads(body)["predictions"]
    assert kind == "application/json"
    assert [row["sentiment"] for row in rows] == ["positive", "negative"]
    lines, kind = inference.output_fn(inference.predict_fn(texts, scorer), "application/jsonlines")
    assert kind == "application/jsonlines"
    assert [json.loads(line) for line in lines.splitlines()] == rows


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"texts": ["a", "b"]}', "application/json"),
        ('{"inputs": ["a", "b"]}', "application/json"),
        ('["a", "b"]', "application/json"),
        ('{"text": "a"}\n\n{"text": "b"}\n', "application/jsonlines"),
        ("a\n\nb\n", "text/plain"),
    ],
)
def test_requests_in_every_form(inference: ModuleType, body: str, kind: str) -> None:
    assert inference.input_fn(body, kind) == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ("{}", "application/json", "no-texts"),
        ("not json", "application/json", "no-texts"),
        ('{"texts": []}', "application/json", "no-texts"),
        ('{"texts": [1]}', "application/json", "no-texts"),
        ("7", "application/json", "no-texts"),
        ("\xff", "image/png", "content-type"),
    ],
)
def test_requests_without_texts_are_refused(inference: ModuleType, body: str, kind: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        inference.input_fn(body, kind)
    assert caught.value.code == code


def test_evaluate_script_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("text,label\nA wonderful lamp,1\nA terrible lamp,0\n")
    done = subprocess.run(
        [sys.executable, SCRIPTS / "evaluate.py", "--data", "data.csv", "--engine", "textblob", "--output", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"] == 1.0
    assert (tmp_path / "out" / "tested.csv").exists()


def test_evaluate_script_says_what_is_wrong(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "evaluate.py", "--data", "none.csv"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "There is no corpus at none.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_sagemaker_names_its_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SM_CHANNEL_TRAIN", "SM_CHANNEL_TRAINING", "SM_CHANNEL_TEST", "SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert sagemaker_folders().train is None
    monkeypatch.setenv("SM_CHANNEL_TRAINING", "/opt/ml/input/data/training")
    monkeypatch.setenv("SM_MODEL_DIR", "/opt/ml/model")
    assert sagemaker_folders().train == Path("/opt/ml/input/data/training")
    assert sagemaker_folders().model == Path("/opt/ml/model")
