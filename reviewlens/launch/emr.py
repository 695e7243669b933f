"""Starts a job as an EMR Serverless job run: Spark on many machines, for files too large for one."""

from __future__ import annotations

import logging
import re
import uuid
from typing import Any

from botocore.exceptions import ClientError

from reviewlens import aws
from reviewlens.errors import ConfigurationError
from reviewlens.launch.handles import job_of, read_handle, task_name, write_handle
from reviewlens.launch.interface import TaskState, TaskStatus
from reviewlens.settings import Settings

log = logging.getLogger(__name__)

_LIVE = ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING")
_UNDER_WAY = _LIVE[:-1]
EXECUTORS, EXECUTOR_CORES, EXECUTOR_MEMORY = 8, 4, "14g"
"""At most so many executors of so many processors; two thirds of their memory are for the scoring workers."""
STOP_SECONDS = 120


class EmrServerlessLauncher:
    """A handle is JSON with the application and the job run. Runs of one spec carry one name, and one that is under
    way is found again instead of started twice."""

    def __init__(self, settings: Settings, client: Any = None) -> None:
        self._settings = settings
        self._emr = client if client is not None else aws.client("emr-serverless")
        self._tokens: dict[str, str] = {}

    def knows(self, handle: str) -> bool:
        """Whether a handle is one of these."""
        return read_handle(handle, "application", "run") is not None

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        """Start the run, or find the one that is under way. Errors: TransientError, ConfigurationError."""
        settings = self._settings
        run = self._running(spec_uri)
        if run is None:
            # Kept until there is an answer: the same request asked again starts nothing new.
            token = self._tokens.setdefault(spec_uri, uuid.uuid4().hex)
            with aws.translate_errors("emr-serverless", {"ValidationException": _impossible()}):
                run = self._emr.start_job_run(
                    applicationId=settings.emr_application,
                    clientToken=token,
                    executionRoleArn=settings.emr_role,
                    name=task_name(spec_uri),
                    jobDriver={
                        "sparkSubmit": {
                            "entryPoint": settings.emr_entry_point,
                            "entryPointArguments": ["--spec", spec_uri],
                            "sparkSubmitParameters": spark_parameters(settings),
                        }
                    },
                    tags={"reviewlens:job": job_of(spec_uri)[:256]},
                )["jobRunId"]
            self._tokens.pop(spec_uri, None)
        return write_handle(application=settings.emr_application, run=run)

    def status(self, handle: str) -> TaskStatus:
        """RUNNING until the run has ended; what it left in the store says how, and its exit code where EMR tells it."""
        run = read_handle(handle, "application", "run")
        if run is None:
            return TaskStatus(TaskState.GONE)
        with aws.translate_errors("emr-serverless"):
            try:
                found = self._emr.get_job_run(applicationId=run["application"], jobRunId=run["run"])["jobRun"]
            except ClientError as error:
                if aws.error_code(error) in ("ResourceNotFoundException", "ValidationException"):
                    return TaskStatus(TaskState.GONE)
                raise
        return run_status(found)

    def stop(self, handle: str) -> None:
        """Ask it to stop, with time to save what it has in hand."""
        self._cancel(handle, shutdownGracePeriodInSeconds=STOP_SECONDS)

    def kill(self, handle: str) -> None:
        """End it now."""
        self._cancel(handle)

    def _running(self, spec_uri: str) -> str | None:
        with aws.translate_errors("emr-serverless"):
            pages = self._emr.get_paginator("list_job_runs").paginate(
                applicationId=self._settings.emr_application, states=list(_UNDER_WAY)
            )
            runs = [run["id"] for page in pages for run in page["jobRuns"] if run.get("name") == task_name(spec_uri)]
        if runs:
            log.info("job %s has a run already", job_of(spec_uri))
        return str(runs[0]) if runs else None

    def _cancel(self, handle: str, **options: int) -> None:
        run = read_handle(handle, "application", "run")
        if run is None:
            return
        with aws.translate_errors("emr-serverless"):
            try:
                self._emr.cancel_job_run(applicationId=run["application"], jobRunId=run["run"], **options)
            except ClientError as error:
                # It has ended already, or has been forgotten.
                if aws.error_code(error) not in (
                    "ResourceNotFoundException",
                    "ValidationException",
                    "ConflictException",
                ):
                    raise


def run_status(run: dict[str, Any]) -> TaskStatus:
    """The state of a job run as GetJobRun tells it."""
    state, details = run.get("state"), str(run.get("stateDetails") or "")
    if state in _LIVE:
        return TaskStatus(TaskState.RUNNING)
    if state == "SUCCESS":
        return TaskStatus(TaskState.EXITED, 0, "exit code 0")
    if state == "CANCELLED":
        return TaskStatus(TaskState.GONE, reason="It was stopped.")
    log.warning("a run on EMR Serverless failed: %s", details[:1000])
    told = re.search(r"exit ?code:? *(\d+)", details, re.IGNORECASE)
    if told:
        return TaskStatus(TaskState.EXITED, int(told[1]), f"exit code {told[1]}")
    return TaskStatus(
        TaskState.GONE,
        reason="EMR Serverless could not carry the job through; the administrator finds its own words in the backend's"
        " log and in the run's.",
        code="task-not-started",
    )


def spark_parameters(settings: Settings) -> str:
    """What spark-submit is told: how many executors, and the packed Python environment, the same on every machine."""
    conf = {
        "spark.executor.instances": str(EXECUTORS),
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.maxExecutors": str(EXECUTORS),
        "spark.executor.cores": str(EXECUTOR_CORES),
        "spark.executor.memory": EXECUTOR_MEMORY,
        "spark.executor.memoryOverheadFactor": "0.8",
        "spark.driver.cores": "4",
        "spark.driver.memory": "14g",
        "spark.emr-serverless.driverEnv.REVIEWLENS_SPARK_CLUSTER": "true",
        "spark.emr-serverless.driverEnv.REVIEWLENS_WORKERS": str(EXECUTORS * EXECUTOR_CORES),
        "spark.executorEnv.OMP_NUM_THREADS": "1",
        "spark.executorEnv.TOKENIZERS_PARALLELISM": "false",
    }
    if settings.emr_archive:
        python = "./environment/bin/python"
        conf |= {
            "spark.archives": f"{settings.emr_archive}#environment",
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": python,
            "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": python,
            "spark.executorEnv.PYSPARK_PYTHON": python,
        }
    return " ".join(f"--conf {name}={value}" for name, value in conf.items())


def _impossible() -> ConfigurationError:
    return ConfigurationError(
        "EMR Serverless will not run the job: the administrator must look at the application, the role and the entry"
        " point in the settings.",
        code="launch-impossible",
    )
