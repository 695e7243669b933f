"""Starts a job as an EMR Serverless job run: Spark on many machines, for files that are too large for one."""

from __future__ import annotations

import logging
import re
import uuid
from typing import Any

from botocore.exceptions import ClientError

from reviewlens import aws
from reviewlens.errors import ConfigurationError
from reviewlens.launch.handles import job_id_of, read_handle, task_name, write_handle
from reviewlens.launch.interface import TaskState, TaskStatus
from reviewlens.settings import Settings

log = logging.getLogger(__name__)

_LIVE = ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING")
_REUSABLE = _LIVE[:-1]
EXECUTORS, EXECUTOR_CORES, EXECUTOR_MEMORY = 8, 4, "14g"
"""The largest number of executors, and their size. Two thirds of their memory are for the scoring workers."""
STOP_SECONDS = 120


class EmrServerlessLauncher:
    """Handles are JSON with the application and the job run.

    All job runs of a spec have the same name, so that `start` finds an active one instead of starting a second one.
    """

    def __init__(self, settings: Settings, client: Any = None) -> None:
        self._settings = settings
        self._emr = client if client is not None else aws.client("emr-serverless")
        self._tokens: dict[str, str] = {}

    def owns(self, handle: str) -> bool:
        """Whether this launcher created the handle."""
        return read_handle(handle, "application", "run") is not None

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        """Start a job run, or find the active one. Errors: TransientError, ConfigurationError."""
        settings = self._settings
        run = self._active_run(spec_uri)
        if run is None:
            # The same token is used until a request succeeds, so that a repeated request does not start a second run.
            token = self._tokens.setdefault(spec_uri, uuid.uuid4().hex)
            with aws.translate_errors("emr-serverless", {"ValidationException": _launch_impossible()}):
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
                    tags={"reviewlens:job": job_id_of(spec_uri)[:256]},
                )["jobRunId"]
            self._tokens.pop(spec_uri, None)
        return write_handle(application=settings.emr_application, run=run)

    def status(self, handle: str) -> TaskStatus:
        """RUNNING until the job run ends. The exit code is set if EMR reports it; the job's result is in the store."""
        run = read_handle(handle, "application", "run")
        if run is None:
            return TaskStatus(TaskState.GONE)
        with aws.translate_errors("emr-serverless"):
            try:
                response = self._emr.get_job_run(applicationId=run["application"], jobRunId=run["run"])
            except ClientError as error:
                if aws.error_code(error) in ("ResourceNotFoundException", "ValidationException"):
                    return TaskStatus(TaskState.GONE)
                raise
        return run_status(response["jobRun"])

    def stop(self, handle: str) -> None:
        """Cancel the job run with a grace period in which it commits its current slices."""
        self._cancel(handle, shutdownGracePeriodInSeconds=STOP_SECONDS)

    def kill(self, handle: str) -> None:
        """Cancel the job run without a grace period."""
        self._cancel(handle)

    def _active_run(self, spec_uri: str) -> str | None:
        with aws.translate_errors("emr-serverless"):
            pages = self._emr.get_paginator("list_job_runs").paginate(
                applicationId=self._settings.emr_application, states=list(_REUSABLE)
            )
            runs = [run["id"] for page in pages for run in page["jobRuns"] if run.get("name") == task_name(spec_uri)]
        if runs:
            log.info("job %s already has a job run", job_id_of(spec_uri))
        return str(runs[0]) if runs else None

    def _cancel(self, handle: str, **options: int) -> None:
        run = read_handle(handle, "application", "run")
        if run is None:
            return
        with aws.translate_errors("emr-serverless"):
            try:
                self._emr.cancel_job_run(applicationId=run["application"], jobRunId=run["run"], **options)
            except ClientError as error:
                # The job run has ended or no longer exists.
                if aws.error_code(error) not in (
                    "ResourceNotFoundException",
                    "ValidationException",
                    "ConflictException",
                ):
                    raise


def run_status(run: dict[str, Any]) -> TaskStatus:
    """Convert a job run from GetJobRun to a TaskStatus."""
    state, details = run.get("state"), str(run.get("stateDetails") or "")
    if state in _LIVE:
        return TaskStatus(TaskState.RUNNING)
    if state == "SUCCESS":
        return TaskStatus(TaskState.EXITED, 0, "exit code 0")
    if state == "CANCELLED":
        return TaskStatus(TaskState.GONE, reason="The task was stopped.")
    log.warning("an EMR Serverless job run failed: %s", details[:1000])
    exit_code = re.search(r"exit ?code:? *(\d+)", details, re.IGNORECASE)
    if exit_code:
        return TaskStatus(TaskState.EXITED, int(exit_code[1]), f"exit code {exit_code[1]}")
    return TaskStatus(
        TaskState.GONE,
        reason="The job run on EMR Serverless failed; the operator finds the reason in the logs of the backend and"
        " of the job run.",
        code="task-not-started",
    )


def spark_parameters(settings: Settings) -> str:
    """Return the parameters of spark-submit: the executors, and the packed Python environment for every machine."""
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


def _launch_impossible() -> ConfigurationError:
    return ConfigurationError(
        "EMR Serverless rejected the job: the operator must check the application, the role and the entry point in"
        " the settings.",
        code="launch-impossible",
    )
