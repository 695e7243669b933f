"""The whole way on AWS: log-in by Cognito, upload to S3, a real run_all.py in an ECS task, the dashboard."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reviewlens import aws
from reviewlens.contracts.keys import JobKeys
from tests.aws.account import backend, log_in, reviews
from tests.aws.conftest import LONG, AwsDeployment
from tests.aws.in_process import local_jobs
from tests.frontend import running as processes
from tests.shared_spark import SharedSparkTasks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.slow]

FEW = reviews(8, " indeed")
SAME_IN_BOTH = ("served_csv", "processed_csv", "rejected_csv")


def on_aws(deployment: AwsDeployment, subject: str, job_id: str, name: str) -> bytes:
    key = getattr(JobKeys(subject, job_id), name)
    found: bytes = aws.client("s3").get_object(Bucket=deployment.account.bucket, Key=key)["Body"].read()
    return found


@dataclass(frozen=True)
class Local:
    """The same files through the product without AWS: summaries and outputs by engine."""

    summaries: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, bytes]]


@pytest.fixture(scope="module")
def local(deployment: AwsDeployment, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Local:
    folder: Path = tmp_path_factory.mktemp("local")
    made = Local({}, {})
    with local_jobs(folder, spark) as run:
        for engine, content in (("textblob", deployment.content), ("auto", FEW)):
            made.summaries[engine], keys = run(content, engine)
            made.outputs[engine] = {
                name: (folder / "objects" / getattr(keys, name)).read_bytes() for name in SAME_IN_BOTH
            }
    return made


def analyse(someone: processes.Backend, content: bytes, engine: str) -> dict[str, Any]:
    """A job to its end."""
    upload = someone.call("POST", "/uploads", params={"filename": "reviews.csv"}, content=content)
    body = {"upload_id": upload["upload_id"], "engine": engine}
    return someone.ended(someone.call("POST", "/trigger_pipeline", json=body)["job_id"], LONG)


def plain(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary without what no two runs share."""
    return {name: value for name, value in summary.items() if name not in ("job", "timings", "submitted_at")}


def test_a_job_on_aws_gives_the_same_bytes_as_one_on_this_machine(deployment: AwsDeployment, local: Local) -> None:
    assert deployment.job["state"] == "succeeded"
    for name, expected in local.outputs["textblob"].items():
        assert expected
        assert on_aws(deployment, deployment.ana_subject, deployment.done, name) == expected, name
    assert plain(deployment.job["summary"]) == plain(local.summaries["textblob"])
    assert deployment.job["rows_read"] == 30


def test_the_shipped_model_gives_the_same_bytes_too(
    deployment: AwsDeployment, local: Local, warm: SharedSparkTasks
) -> None:
    job = analyse(deployment.ana, FEW, "auto")
    assert job["state"] == "succeeded", job["error"]
    assert job["engine"] == local.summaries["auto"]["model"]["engine"] == "cascade"
    assert warm.started == 1
    for name, expected in local.outputs["auto"].items():
        assert on_aws(deployment, deployment.ana_subject, job["job_id"], name) == expected, name
    assert plain(job["summary"]) == plain(local.summaries["auto"])


def test_the_task_was_a_container_that_got_an_address_and_nothing_else(deployment: AwsDeployment) -> None:
    commands = [each.config.get("Cmd") for each in deployment.account.docker.containers.values()]
    spec = f"s3://{deployment.account.bucket}/{JobKeys(deployment.ana_subject, deployment.done).spec}"
    assert ["python", "sentiment-pipeline/run_all.py", "--spec", spec] in commands
    told = json.dumps([each.config for each in deployment.account.docker.containers.values()])
    assert deployment.ana.access not in told
    assert deployment.ana.refresh not in told


def test_the_dashboard_and_the_exports_are_read_from_the_bucket(deployment: AwsDeployment) -> None:
    dashboard = deployment.ana.call("POST", "/generate_dashboard", json={"job_id": deployment.done})
    assert dashboard
    page = deployment.ana.call("GET", f"/jobs/{deployment.done}/reviews", params={"limit": 5})
    assert page["total"] == deployment.job["rows_scored"] + deployment.job["rows_duplicate"]
    assert len(page["reviews"]) == 5
    headers = {"Authorization": f"Bearer {deployment.ana.access}"}
    exported = httpx.get(f"{deployment.ana.url}/jobs/{deployment.done}/export", headers=headers, timeout=30)
    assert len(list(csv.reader(io.StringIO(exported.content.decode("utf-8-sig"), newline="")))) == page["total"] + 1


def test_the_newest_results_also_stand_at_the_stable_keys(deployment: AwsDeployment) -> None:
    keys = JobKeys(deployment.ana_subject, deployment.done)
    newest = next(job for job in deployment.ana.call("GET", "/jobs")["jobs"] if job["state"] == "succeeded")
    for name, copy in (("served_csv", keys.newest_served_csv), ("processed_csv", keys.newest_processed_csv)):
        found = aws.client("s3").get_object(Bucket=deployment.account.bucket, Key=copy)["Body"].read()
        assert found == on_aws(deployment, deployment.ana_subject, newest["job_id"], name)


def test_another_backend_on_the_same_account_shows_the_same(deployment: AwsDeployment, tmp_path: Path) -> None:
    with backend(deployment.account, tmp_path) as second:
        ana = log_in(second, "ana")
        assert ana.call("GET", f"/jobs/{deployment.done}") == deployment.ana.call("GET", f"/jobs/{deployment.done}")
        answers = [
            who.call("POST", "/generate_dashboard", json={"job_id": deployment.done}) for who in (ana, deployment.ana)
        ]
        assert answers[0] == answers[1]
