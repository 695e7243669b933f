"""Job runs on EMR Serverless: requests, responses, and which files are sent there."""

from __future__ import annotations

import json
import re

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from reviewlens import aws
from reviewlens.errors import ConfigurationError, TransientError
from reviewlens.launch.emr import EmrServerlessLauncher
from reviewlens.launch.fargate import FargateLauncher
from reviewlens.launch.interface import TaskState, TaskStatus
from reviewlens.settings import Settings
from tests.launch.conftest import fargate_settings

SPEC = "s3://bucket/output/u1/job1/spec.json"
ROLE = "arn:aws:iam::000000000000:role/spark"


class Answers:
    """Responses by operation for the real client; `calls` has the requests."""

    def __init__(self, client):
        self.client = client
        self.calls: list[tuple[str, dict]] = []
        self.runs: list[dict] = []
        self.run: dict = {"state": "RUNNING"}
        self.failures: dict[str, object] = {}
        self._hooks = (
            ("provide-client-params.emr-serverless", self._note),
            ("before-send.emr-serverless", self._answer),
        )
        for event, handler in self._hooks:
            client.meta.events.register(event, handler)

    def close(self):
        for event, handler in self._hooks:
            self.client.meta.events.unregister(event, handler)

    def _note(self, params, model, **_):
        self.calls.append((model.name, dict(params)))

    def _answer(self, event_name, **_):
        operation = event_name.rsplit(".", 1)[-1]
        failure = self.failures.get(operation)
        if isinstance(failure, Exception):
            raise failure
        if failure:
            status, code = failure
            return _response(status, {"message": "no"}, code)
        documents = {
            "ListJobRuns": {"jobRuns": self.runs},
            "StartJobRun": {"applicationId": "app1", "jobRunId": "run1", "arn": "arn:1"},
            "GetJobRun": {"jobRun": self.run},
            "CancelJobRun": {"applicationId": "app1", "jobRunId": "run1"},
        }
        return _response(200, documents[operation])

    def asked(self, operation):
        return [params for name, params in self.calls if name == operation]


class _Raw:
    def __init__(self, content):
        self._content = content

    def stream(self, **_):
        yield self._content


def _response(status, document, code=""):
    headers = {"Content-Type": "application/json", **({"x-amzn-errortype": code} if code else {})}
    return AWSResponse("http://aws", status, headers, _Raw(json.dumps(document).encode()))


def emr_settings(tmp_path, **changes) -> Settings:
    defaults = {
        "emr_application": "app1",
        "emr_role": ROLE,
        "emr_entry_point": "s3://code/run_all.py",
        "emr_archive": "s3://code/environment.tar.gz",
        "emr_over_bytes": 1000,
    }
    return fargate_settings(tmp_path, **{**defaults, **changes})


@pytest.fixture(scope="module")
def emr_client():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        return aws.client("emr-serverless", retries={"mode": "standard", "total_max_attempts": 1})


@pytest.fixture
def answers(emr_client):
    made = Answers(emr_client)
    yield made
    made.close()


@pytest.fixture
def launcher(answers, tmp_path):
    return EmrServerlessLauncher(emr_settings(tmp_path), answers.client)


HANDLE = json.dumps({"application": "app1", "run": "run1"})


def test_parameters_of_a_job_run(answers, launcher):
    assert json.loads(launcher.start(SPEC)) == {"application": "app1", "run": "run1"}
    (call,) = answers.asked("StartJobRun")
    submit = call["jobDriver"]["sparkSubmit"]
    conf = dict(re.findall(r"--conf (\S+?)=(\S+)", submit["sparkSubmitParameters"]))
    assert (call["applicationId"], call["executionRoleArn"], call["tags"]) == ("app1", ROLE, {"reviewlens:job": "job1"})
    assert (submit["entryPoint"], submit["entryPointArguments"]) == ("s3://code/run_all.py", ["--spec", SPEC])
    assert conf["spark.archives"] == "s3://code/environment.tar.gz#environment"
    assert conf["spark.executorEnv.PYSPARK_PYTHON"] == "./environment/bin/python"
    assert conf["spark.emr-serverless.driverEnv.REVIEWLENS_SPARK_CLUSTER"] == "true"


def test_without_an_archive_the_applications_own_image_has_the_environment(answers, tmp_path):
    EmrServerlessLauncher(emr_settings(tmp_path, emr_archive=""), answers.client).start(SPEC)
    (call,) = answers.asked("StartJobRun")
    assert "archives" not in call["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]
    assert "PYSPARK_PYTHON" not in call["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]


def test_an_active_run_is_found_again(answers, launcher):
    launcher.start(SPEC)
    name = answers.asked("StartJobRun")[0]["name"]
    answers.runs = [_listed("other", "rl-other"), _listed("run7", name)]
    assert json.loads(launcher.start(SPEC))["run"] == "run7"
    assert len(answers.asked("StartJobRun")) == 1


def _listed(run, name):
    return {"id": run, "name": name, "state": "RUNNING", "applicationId": "app1", "createdAt": 1, "updatedAt": 1}


def test_a_request_whose_response_was_lost_is_repeated_with_the_same_token(answers, launcher):
    answers.failures["StartJobRun"] = ReadTimeoutError(endpoint_url="http://aws")
    with pytest.raises(TransientError):
        launcher.start(SPEC)
    answers.failures.clear()
    launcher.start(SPEC)
    launcher.start(SPEC)
    first, second, third = (call["clientToken"] for call in answers.asked("StartJobRun"))
    assert first == second != third


@pytest.mark.parametrize("state", ["SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING"])
def test_an_active_run_is_running(answers, launcher, state):
    answers.run = {"state": state}
    assert launcher.status(HANDLE) == TaskStatus(TaskState.RUNNING)


@pytest.mark.parametrize(
    ("state", "details", "expected"),
    [
        ("SUCCESS", "", (TaskState.EXITED, 0, "")),
        ("CANCELLED", "", (TaskState.GONE, None, "")),
        ("FAILED", "Job failed, please check complete logs. ExitCode: 2. Last few", (TaskState.EXITED, 2, "")),
        ("FAILED", "exit code 4", (TaskState.EXITED, 4, "")),
        ("FAILED", "The application could not start its workers", (TaskState.GONE, None, "task-not-started")),
    ],
)
def test_the_status_of_an_ended_run(answers, launcher, state, details, expected):
    answers.run = {"state": state, "stateDetails": details}
    status = launcher.status(HANDLE)
    assert (status.state, status.exit_code, status.code) == expected
    assert status.reason


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
def test_an_unknown_run_is_gone(answers, launcher, code):
    answers.failures["GetJobRun"] = (404, code)
    assert launcher.status(HANDLE).state is TaskState.GONE


@pytest.mark.parametrize("handle", ["", "{}", '{"cluster": "c", "task": "t"}', '{"application": "a", "run": 7}'])
def test_other_handles_are_gone_and_stopping_them_is_fine(answers, launcher, handle):
    assert not launcher.owns(handle)
    assert launcher.status(handle).state is TaskState.GONE
    launcher.stop(handle)
    launcher.kill(handle)
    assert answers.calls == []


def test_a_stop_leaves_time_to_save_and_a_kill_does_not(answers, launcher):
    launcher.stop(HANDLE)
    launcher.kill(HANDLE)
    gentle, hard = answers.asked("CancelJobRun")
    assert gentle.pop("shutdownGracePeriodInSeconds") == 120
    assert gentle == hard == {"applicationId": "app1", "jobRunId": "run1"}


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException", "ConflictException"])
def test_stopping_one_that_has_ended_is_fine(answers, launcher, code):
    answers.failures["CancelJobRun"] = (400, code)
    launcher.stop(HANDLE)


@pytest.mark.parametrize("operation", ["ListJobRuns", "StartJobRun", "GetJobRun", "CancelJobRun"])
@pytest.mark.parametrize(("status", "code"), [(429, "ThrottlingException"), (500, "InternalServerException")])
def test_every_request_may_fail_temporarily(answers, launcher, operation, status, code):
    answers.failures[operation] = (status, code)
    calls = {
        "ListJobRuns": lambda: launcher.start(SPEC),
        "StartJobRun": lambda: launcher.start(SPEC),
        "GetJobRun": lambda: launcher.status(HANDLE),
        "CancelJobRun": lambda: launcher.stop(HANDLE),
    }
    with pytest.raises(TransientError):
        calls[operation]()


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ValidationException", "launch-impossible"), ("ResourceNotFoundException", "aws-refused")],
)
def test_permanent_errors_are_configuration_errors(answers, launcher, code, expected):
    answers.failures["StartJobRun"] = (400, code)
    with pytest.raises(ConfigurationError) as refused:
        launcher.start(SPEC)
    assert refused.value.code == expected


@pytest.mark.parametrize(("size", "where"), [(999, "task"), (1000, "task"), (1001, "run")])
def test_files_over_the_threshold_go_there(answers, launcher, client, tmp_path, size, where):
    client.meta.events.register(
        "before-send.ecs.RunTask",
        lambda **_: _response(200, {"tasks": [{"taskArn": "arn:1"}], "failures": []}),
    )
    both = FargateLauncher(emr_settings(tmp_path), client, launcher)
    handle = both.start(f"s3://bucket/output/u1/{size}/spec.json", input_bytes=size)
    assert where in json.loads(handle)


def test_the_fargate_launcher_delegates_to_the_emr_launcher(answers, launcher, client, tmp_path):
    both = FargateLauncher(emr_settings(tmp_path), client, launcher)
    assert both.status(HANDLE).state is TaskState.RUNNING
    both.stop(HANDLE)
    both.kill(HANDLE)
    gentle, hard = answers.asked("CancelJobRun")
    assert "shutdownGracePeriodInSeconds" in gentle
    assert "shutdownGracePeriodInSeconds" not in hard


def test_it_makes_its_own_client(on_ecs, client, tmp_path):
    both = FargateLauncher(emr_settings(tmp_path), client)
    assert both.status("{}").state is TaskState.GONE
    assert both._emr is not None
