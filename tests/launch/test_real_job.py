"""A real job in a task on the emulator, with its objects in S3, stopped and resumed."""

from __future__ import annotations

import json
import uuid

import boto3
import pytest

from reviewlens.contracts.keys import JobKeys, UploadKeys
from reviewlens.launch.fargate import FargateLauncher
from reviewlens.launch.interface import TaskState
from reviewlens.storage.s3 import S3ObjectStore
from tests.launch.conftest import Ecs, fargate_settings
from tests.pipeline.make_jobs import as_csv, make_job, review_rows
from tests.timing import wait_until

STOP_TIMEOUT = 120
"""The stopTimeout of the task definition, which is the most that Fargate allows."""


@pytest.mark.minutes
def test_a_stopped_task_commits_its_slices_and_another_resumes(on_ecs: Ecs, client, tmp_path) -> None:
    content = as_csv(review_rows(1500))
    local = make_job(tmp_path / "local", content, slice_rows=25)
    bucket = f"jobs-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": on_ecs.emulator.environment["AWS_REGION"]}
    )
    store, keys = S3ObjectStore(bucket), JobKeys(local.spec.user, local.spec.job)
    store.put(UploadKeys(local.spec.user, local.spec.upload).original, content)
    store.put(keys.spec, local.spec.model_dump_json().encode())
    client.register_task_definition(
        family="job",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="1024",
        memory="4096",
        containerDefinitions=[
            {
                "name": "pipeline",
                "image": "registry.example/pipeline:1",
                "stopTimeout": STOP_TIMEOUT,
                "environment": [
                    {"name": name, "value": value}
                    for name, value in {
                        "AWS_REGION": on_ecs.emulator.environment["AWS_REGION"],
                        "REVIEWLENS_WORKERS": "2",
                        "REVIEWLENS_DRIVER_MEMORY_MB": "512",
                        "REVIEWLENS_LEASE_SECONDS": "3",
                    }.items()
                ],
            }
        ],
    )
    launcher = FargateLauncher(fargate_settings(tmp_path, ecs_task_definition="job"), client, poll_seconds=0.2)

    def cleaned() -> set[str]:
        return {info.key for info in store.list(keys.work + "clean/")}

    def log() -> str:
        return "\n".join(each.log.read_text()[-2000:] for each in on_ecs.docker.containers.values())

    handle = launcher.start(store.uri(keys.spec), input_bytes=len(content))
    wait_until(lambda: len(cleaned()) >= 2 or launcher.status(handle).state is not TaskState.RUNNING, 300)
    launcher.stop(handle)
    wait_until(lambda: launcher.status(handle).state is not TaskState.RUNNING, STOP_TIMEOUT)
    assert (launcher.status(handle).exit_code, launcher.status(handle).counts) == (4, False), log()
    saved = {info.key: info.etag for info in store.list(keys.work + "clean/")}
    assert 2 <= len(saved) < 60
    assert store.head(keys.error) is None
    assert store.head(keys.lease) is None
    assert store.head(keys.progress) is not None

    handle = launcher.start(store.uri(keys.spec), input_bytes=len(content))
    wait_until(lambda: launcher.status(handle).state is not TaskState.RUNNING, 600)
    assert launcher.status(handle).exit_code == 0, log()
    summary = json.loads(store.get(keys.summary))
    assert summary["rows_read"] == 1500
    assert summary["rows_read"] == summary["rows_scored"] + summary["rows_duplicate"] + summary["rows_rejected"]
    assert store.get(keys.newest_served_csv) == store.get(keys.served_csv)
