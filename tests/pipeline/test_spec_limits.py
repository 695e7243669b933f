"""A task works for the spec's user alone: nothing in a spec names what is another's, or elsewhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.keys import JobKeys, UploadKeys
from reviewlens.errors import ConfigurationError
from reviewlens.model.locate import models_dir
from reviewlens.pipeline.infer import checked_model
from reviewlens.pipeline.runner import OURS, run_spec
from reviewlens.pipeline.work import open_spec
from tests.pipeline.make_jobs import MadeJob, as_csv, make_job, review_rows

OUTSIDE = ["../user-2/upload-1", "..", "a/../../user-2/x", "user-2/upload-1", "", "a\\b", "a\0b", "upload 1", "%2e"]
ELSEWHERE = [
    "uploads/user-1/upload-1/spec.json",
    "output/user-1/spec.json",
    "output/user-1/job-1/x/spec.json",
    "spec.json",
]


@pytest.fixture
def made(tmp_path: Path) -> MadeJob:
    return make_job(tmp_path, as_csv(review_rows(3)))


def rewrite(made: MadeJob, **changes: object) -> str:
    made.store.put(made.keys.spec, json.dumps({**json.loads(made.spec.model_dump_json()), **changes}).encode())
    return made.uri


@pytest.mark.parametrize("field", ["upload", "job", "reuse_scores_of"])
@pytest.mark.parametrize("outside", OUTSIDE)
def test_no_key_of_a_spec_leads_out_of_its_users_folders(made: MadeJob, field: str, outside: str) -> None:
    uri = rewrite(made, **{field: [outside] if field == "reuse_scores_of" else outside})
    with pytest.raises(ConfigurationError) as refused:
        open_spec(uri)
    assert refused.value.code == "bad-spec"
    assert run_spec(uri, made.settings) == OURS
    assert made.left() == ["spec.json"]


@pytest.mark.parametrize("user", ["user-2", "../user-2", "user-1/job-1", "", "user-1/", "."])
def test_a_spec_serves_only_the_user_whose_folder_it_lies_in(made: MadeJob, user: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_spec(rewrite(made, user=user))
    assert refused.value.code == "bad-spec"


@pytest.mark.parametrize("key", ELSEWHERE)
def test_a_spec_elsewhere_is_none(made: MadeJob, key: str) -> None:
    made.store.put(key, made.store.get(made.keys.spec))
    with pytest.raises(ConfigurationError) as refused:
        open_spec(made.store.uri(key))
    assert refused.value.code == "bad-spec"


def test_all_that_a_task_touches_lies_in_its_users_folders(made: MadeJob) -> None:
    _, spec = open_spec(made.uri)
    keys, upload = vars(JobKeys(spec.user, spec.job)), vars(UploadKeys(spec.user, spec.upload))
    for key in [*keys.values(), *upload.values()]:
        assert key.split("/")[0] in ("uploads", "output", "processed")
        assert key.split("/")[1] == spec.user


@pytest.mark.parametrize("model", ["s3://elsewhere/model.tar.gz", "https://example.com/model.tar.gz", "ftp://x/y"])
def test_a_model_is_a_file_on_the_machine(made: MadeJob, model: str) -> None:
    spec = made.spec.model_copy(update={"model": model, "engine": "openvino"})
    with pytest.raises(ConfigurationError) as refused:
        checked_model(spec)
    assert refused.value.code == "no-bundle"


def test_a_model_with_an_address_is_verified_and_named_by_it_to_workers(
    made: MadeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    sha256 = hashlib.sha256(b"a bundle").hexdigest()
    (models_dir() / f"{sha256}.tar.gz").write_bytes(b"a bundle")  # downloaded before
    address = f"https://example.com/model.tar.gz#sha256={sha256}"
    spec = made.spec.model_copy(update={"model": address, "engine": "openvino", "model_sha256": sha256})
    assert checked_model(spec) == (address, sha256)
    with pytest.raises(ConfigurationError) as changed:
        checked_model(spec.model_copy(update={"model_sha256": "0" * 64}))
    assert changed.value.code == "model-changed"


def test_unknown_fields_are_refused(made: MadeJob) -> None:
    with pytest.raises(ValidationError):
        JobSpec.model_validate({**made.spec.model_dump(), "output": "output/user-2/job-1"})


def test_a_spec_with_only_the_best_rating_is_read_as_before(made: MadeJob) -> None:
    mapping = {**made.spec.mapping.model_dump(mode="json"), "rating_scale": 10.0}
    del mapping["rating_words"]
    mapping["date_format"] = {"kind": "iso", "order": "year_first", "ambiguous": False}
    _, spec = open_spec(rewrite(made, mapping=mapping))
    assert spec.mapping.rating_scale == (1, 10)
    assert spec.mapping.date_format == made.spec.mapping.date_format
