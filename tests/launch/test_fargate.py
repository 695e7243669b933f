"""Tasks on ECS Fargate: the contract with real tasks on the emulator, and AWS's possible responses."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from reviewlens.errors import ConfigurationError, TransientError
from reviewlens.launch import fargate as module
from reviewlens.launch.fargate import FargateLauncher
from reviewlens.launch.interface import TaskState, TaskStatus
from reviewlens.launch.sizes import LARGEST, SIZES, size_for
from tests.launch.conftest import fargate_settings
from tests.launch.contract import PROGRAM, LauncherContract
from tests.timing import FakeClock, wait_until

FARGATE_MEMORY = {
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""AWS's table of valid combinations for the processors that ReviewLens uses."""


class Raw:
    """The body of a response made by the test."""

    def __init__(self, content):
        self._content = content

    def stream(self, **_):
        yield self._content


def answer(status, document, error=""):
    """An HTTP response; a request is not sent when a `before-send` handler returns one."""
    headers = {"Content-Type": "application/x-amz-json-1.1", **({"x-amzn-errortype": error} if error else {})}
    return AWSResponse("http://aws", status, headers, Raw(json.dumps(document).encode()))


def refuse(client, operation, status, code, message=""):
    """Make this operation fail from now on."""
    made = {"__type": code, "message": message}
    client.meta.events.register(f"before-send.ecs.{operation}", lambda **_: answer(status, made))


def watch(client, operation):
    """Return the parameters of every request of an operation."""
    calls = []
    client.meta.events.register(
        f"provide-client-params.ecs.{operation}", lambda params, **_: calls.append(dict(params))
    )
    return calls


@pytest.fixture
def launcher(client, tmp_path):
    return FargateLauncher(fargate_settings(tmp_path), client, poll_seconds=0.0)


class TestContract(LauncherContract):
    kills_at_once = False
    remembers = True

    @pytest.fixture
    def launcher(self, client, tmp_path):
        (tmp_path / "task.py").write_text(PROGRAM)
        command = [sys.executable, "-S", str(tmp_path / "task.py")]
        return FargateLauncher(fargate_settings(tmp_path), client, command=command, poll_seconds=0.05)

    @pytest.fixture
    def again(self, client, tmp_path):
        return FargateLauncher(fargate_settings(tmp_path), client, poll_seconds=0.05)

    def test_a_task_whose_handle_was_lost_is_found_again(self, launcher, again, spec, begun):
        address = spec(seconds=60)
        first = launcher.start(address)
        wait_until(begun.exists)
        second = again.start(address)
        assert json.loads(first)["task"] == json.loads(second)["task"]
        launcher.stop(first)
        wait_until(lambda: launcher.status(first).state is TaskState.EXITED)
        third = again.start(spec(exit=2))
        assert json.loads(third)["task"] != json.loads(first)["task"]

    def test_a_stuck_task_counts_as_an_attempt_whatever_its_exit_code(self, launcher, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        launcher.kill(handle)
        wait_until(lambda: launcher.status(handle).state is TaskState.GONE)
        assert launcher.status(handle).counts

    def test_a_task_killed_from_outside_was_out_of_memory(self, launcher, on_ecs, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        on_ecs.docker.of_task(json.loads(handle)["task"]).kill()
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
        status = launcher.status(handle)
        assert (status.exit_code, status.code, status.counts) == (137, "task-out-of-memory", True)


def test_a_missing_image_is_reported(client, tmp_path, spec_uri):
    settings = fargate_settings(tmp_path, ecs_task_definition="no-image")
    launcher = FargateLauncher(settings, client, poll_seconds=0.0)
    handle = launcher.start(spec_uri)
    wait_until(lambda: launcher.status(handle).state is TaskState.GONE)
    assert launcher.status(handle).code == "task-image"
    assert "image" in launcher.status(handle).reason


def test_a_missing_program_is_reported(client, tmp_path, spec_uri):
    launcher = FargateLauncher(fargate_settings(tmp_path), client, command=["/no/such/program"], poll_seconds=0.0)
    handle = launcher.start(spec_uri)
    wait_until(lambda: launcher.status(handle).state is TaskState.GONE)
    assert launcher.status(handle).code in ("task-image", "task-not-started")


# -- what is asked for -----------------------------------------------------------------------------


def test_parameters_of_a_task(client, tmp_path, spec_uri):
    calls = watch(client, "RunTask")
    client.meta.events.register(
        "before-send.ecs.RunTask", lambda **_: answer(200, {"tasks": [{"taskArn": "arn:1"}], "failures": []})
    )
    settings = fargate_settings(tmp_path, ecs_assign_public_ip=True)
    handle = json.loads(FargateLauncher(settings, client).start(spec_uri, input_bytes=20_000_001))
    (call,) = calls
    assert (handle["cluster"], handle["task"]) == ("tasks", "arn:1")
    assert call["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1}]
    assert call["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-1"],
        "assignPublicIp": "ENABLED",
    }
    assert call["overrides"] == {
        "cpu": "4096",
        "memory": "16384",
        "ephemeralStorage": {"sizeInGiB": 30},
        "containerOverrides": [
            {"name": "pipeline", "command": ["python", "sentiment-pipeline/run_all.py", "--spec", spec_uri]}
        ],
    }
    assert len(call["startedBy"]) <= 36
    assert len(call["clientToken"]) <= 64
    assert call["tags"] == [{"key": "reviewlens:job", "value": spec_uri.split("/")[-2]}]


@pytest.mark.parametrize("place", range(len(SIZES)))
def test_the_size_changes_right_after_each_border(place):
    border, size = SIZES[place]
    following = SIZES[place + 1][1] if place + 1 < len(SIZES) else LARGEST
    sizes = [size_for(border + more, max_vcpu=16) for more in (-1, 0, 1)]
    assert sizes == [size, size, following]


def test_the_page_about_sizes_has_these():
    page = (Path(__file__).resolve().parents[2] / "docs" / "decisions" / "018-tasks-on-aws.md").read_text()
    rows = [(f"{most // 1_000_000} MB", size) for most, size in SIZES] + [("larger", LARGEST)]
    for name, size in rows:
        assert f"| {name} | {size.cpu // 1024} | {size.memory} | {size.disk} |" in page
    assert page.count(" MB | ") == len(SIZES)


def test_sizes_are_ones_that_fargate_has_and_grow():
    sizes = [size_for(0, max_vcpu=16), *(size for _, size in SIZES[1:]), size_for(10**12, max_vcpu=16)]
    for size in sizes:
        assert size.memory in FARGATE_MEMORY[size.cpu]
        assert 21 <= size.disk <= 200
    assert sizes == sorted(sizes, key=lambda size: (size.cpu, size.memory, size.disk))


@pytest.mark.parametrize(("max_vcpu", "cpu"), [(1, 1024), (3, 2048), (4, 4096), (6, 4096), (15, 8192), (16, 16384)])
def test_a_task_never_has_more_processors_than_the_setting_allows(client, tmp_path, spec_uri, max_vcpu, cpu):
    calls = watch(client, "RunTask")
    Capacity(client)
    FargateLauncher(fargate_settings(tmp_path, ecs_max_vcpu=max_vcpu), client).start(spec_uri, input_bytes=10**12)
    (call,) = calls
    assert call["overrides"]["cpu"] == str(cpu)
    assert int(call["overrides"]["memory"]) in FARGATE_MEMORY[cpu]
    assert call["overrides"]["ephemeralStorage"] == {"sizeInGiB": LARGEST.disk}  # the file needs its disk all the same


def test_the_largest_task_fits_a_new_accounts_quota(tmp_path):
    quota = fargate_settings(tmp_path).ecs_max_vcpu
    assert max(size_for(size, max_vcpu=quota).cpu for size in (0, 10**8, 10**12)) <= 6 * 1024


# -- capacity --------------------------------------------------------------------------------------


class Capacity:
    """Responses to RunTask by capacity provider: `failure`, `error` or a task."""

    def __init__(self, client, **refusals):
        self.refusals = refusals
        self.asked = []
        self._provider = ""
        client.meta.events.register("provide-client-params.ecs.RunTask", self._note)
        client.meta.events.register("before-send.ecs.RunTask", self._answer)

    def _note(self, params, **_):
        self._provider = params["capacityProviderStrategy"][0]["capacityProvider"]
        self.asked.append(self._provider)

    def _answer(self, **_):
        how, words = self.refusals.get(self._provider, ("", ""))
        if how == "failure":
            return answer(200, {"tasks": [], "failures": [{"reason": words}]})
        if how == "error":
            return answer(400, {"__type": "ClientException", "message": words})
        return answer(200, {"tasks": [{"taskArn": f"arn:{self._provider}"}], "failures": []})


NONE_LEFT = "Capacity is unavailable at this time. Please try again later or in a different availability zone"


@pytest.mark.parametrize("refusal", [("failure", "RESOURCE:MEMORY"), ("failure", NONE_LEFT), ("error", NONE_LEFT)])
def test_without_spot_capacity_tasks_run_on_demand_for_a_while(client, tmp_path, spec_uri, refusal):
    clock, capacity = FakeClock(), Capacity(client, FARGATE_SPOT=refusal)
    launcher = FargateLauncher(fargate_settings(tmp_path, ecs_spot=True), client, clock=clock)
    assert json.loads(launcher.start(spec_uri))["task"] == "arn:FARGATE"
    launcher.start(spec_uri)
    clock.now += module.SPOT_PAUSE_SECONDS + 1
    capacity.refusals = {}
    assert json.loads(launcher.start(spec_uri))["task"] == "arn:FARGATE_SPOT"
    assert capacity.asked == ["FARGATE_SPOT", "FARGATE", "FARGATE", "FARGATE_SPOT"]


def test_a_spot_task_that_is_refused_for_another_reason_does_not_run_on_demand(client, tmp_path, spec_uri):
    capacity = Capacity(client, FARGATE_SPOT=("failure", "MISSING"))
    with pytest.raises(TransientError) as refused:
        FargateLauncher(fargate_settings(tmp_path, ecs_spot=True), client).start(spec_uri)
    assert (refused.value.code, capacity.asked) == ("launch-failed", ["FARGATE_SPOT"])


QUOTA = "You've reached the limit on the number of vCPUs you can run concurrently"


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (("failure", "RESOURCE:CPU"), "no-capacity"),
        (("error", QUOTA), "vcpu-quota"),
        (("failure", QUOTA), "vcpu-quota"),
    ],
)
def test_without_any_capacity_the_job_waits_and_aws_is_not_asked_at_once_again(
    client, tmp_path, spec_uri, refusal, code
):
    clock, capacity = FakeClock(), Capacity(client, FARGATE=refusal)
    launcher = FargateLauncher(fargate_settings(tmp_path), client, clock=clock)
    for _ in range(3):
        with pytest.raises(TransientError) as none_left:
            launcher.start(spec_uri)
        assert none_left.value.code == code
    assert capacity.asked == ["FARGATE"]
    clock.now += module.CAPACITY_PAUSE_SECONDS + 1
    capacity.refusals = {}
    launcher.start(spec_uri)
    assert capacity.asked == ["FARGATE", "FARGATE"]


def test_a_quota_is_reported_with_its_name_and_what_to_request(client, tmp_path, spec_uri):
    capacity = Capacity(client, FARGATE_SPOT=("error", QUOTA), FARGATE=("failure", "RESOURCE:CPU"))
    launcher = FargateLauncher(fargate_settings(tmp_path, ecs_spot=True), client)
    with pytest.raises(TransientError) as none_left:  # the Spot quota does not count for tasks on demand
        launcher.start(spec_uri)
    assert (none_left.value.code, capacity.asked) == ("no-capacity", ["FARGATE_SPOT", "FARGATE"])
    capacity.refusals["FARGATE"] = ("error", QUOTA)
    with pytest.raises(
        TransientError, match=r"Fargate On-Demand vCPU resource count.*L-3032A538.*Service Quotas"
    ) as none:
        FargateLauncher(fargate_settings(tmp_path, ecs_spot=True), client).start(spec_uri)
    assert none.value.code == "vcpu-quota"


def test_a_spot_task_that_never_started_for_the_quota_names_the_spot_quota(client, launcher):
    described(client, [stopped(None, QUOTA, NOT_STARTED) | {"capacityProviderName": "FARGATE_SPOT"}])
    status = launcher.status(handle_of())
    assert (status.code, status.state) == ("vcpu-quota", TaskState.GONE)
    assert "Fargate Spot vCPU resource count (L-36FBB829)" in status.reason


@pytest.mark.parametrize(("failures", "words"), [([{"reason": "AGENT"}], "AGENT"), ([], "no reason given")])
def test_another_failure_is_transient(client, launcher, spec_uri, failures, words):
    client.meta.events.register("before-send.ecs.RunTask", lambda **_: answer(200, {"tasks": [], "failures": failures}))
    with pytest.raises(TransientError, match=words) as failed:
        launcher.start(spec_uri)
    assert failed.value.code == "launch-failed"


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["ClusterNotFoundException", "InvalidParameterException", "ClientException", "AccessDeniedException"]
)
def test_permanent_errors_are_configuration_errors(client, launcher, spec_uri, code):
    refuse(client, "RunTask", 400, code, "no")
    with pytest.raises(ConfigurationError) as refused:
        launcher.start(spec_uri)
    assert refused.value.code == ("aws-refused" if code == "AccessDeniedException" else "launch-impossible")


def test_a_withdrawn_revision_is_transient(client, launcher, spec_uri):
    refuse(client, "RunTask", 400, "ClientException", "TaskDefinition is inactive")
    with pytest.raises(TransientError, match="withdrawn") as refused:
        launcher.start(spec_uri)
    assert refused.value.code == "launch-failed"


def test_what_aws_has_forgotten_is_not_asked_for_with_others_for_ever(client, tmp_path):
    clock = FakeClock()
    launcher = FargateLauncher(fargate_settings(tmp_path), client, poll_seconds=3.0, clock=clock)
    handles = [json.dumps({"cluster": "tasks", "task": f"arn:{name}", "started": time.time()}) for name in "ab"]
    there = [{"taskArn": f"arn:{name}", "lastStatus": "RUNNING", "containers": []} for name in "ab"]
    client.meta.events.register(
        "before-send.ecs.DescribeTasks", lambda **_: answer(200, {"tasks": there, "failures": []})
    )
    calls = watch(client, "DescribeTasks")

    def asked():
        clock.now += 4
        calls.clear()
        assert launcher.status(handles[0]).state is TaskState.RUNNING
        return calls[0]["tasks"]

    asked()
    launcher.status(handles[1])
    assert asked() == ["arn:a", "arn:b"]
    del there[1]
    asked()
    assert asked() == ["arn:a"]
    assert launcher.status(handles[1]).state is TaskState.RUNNING, "too new to count as gone"


def test_a_missing_task_definition_is_a_configuration_error(client, tmp_path, spec_uri):
    with pytest.raises(ConfigurationError) as missing:
        FargateLauncher(fargate_settings(tmp_path, ecs_task_definition="none"), client).start(spec_uri)
    assert missing.value.code == "launch-impossible"


@pytest.mark.parametrize("operation", ["ListTasks", "RunTask", "DescribeTasks", "StopTask"])
@pytest.mark.parametrize(("status", "code"), [(400, "ThrottlingException"), (500, "ServerException")])
def test_every_request_may_fail_temporarily(client, launcher, operation, status, code, spec_uri):
    refuse(client, operation, status, code)
    handle = json.dumps({"cluster": "tasks", "task": "arn:aws:ecs:eu-west-1:000000000000:task/tasks/1"})
    calls = {
        "ListTasks": lambda: launcher.start(spec_uri),
        "RunTask": lambda: launcher.start(spec_uri),
        "DescribeTasks": lambda: launcher.status(handle),
        "StopTask": lambda: launcher.stop(handle),
    }
    with pytest.raises(TransientError):
        calls[operation]()


@pytest.mark.parametrize("failure", [ConnectTimeoutError, ReadTimeoutError])
def test_a_request_whose_response_was_lost_is_repeated_with_the_same_token(client, launcher, spec_uri, failure):
    calls = watch(client, "RunTask")
    lost = [True]

    def lose(**_):
        if lost[0]:
            raise failure(endpoint_url="http://aws")
        return answer(200, {"tasks": [{"taskArn": "arn:1"}], "failures": []})

    client.meta.events.register("before-send.ecs.RunTask", lose)
    with pytest.raises(TransientError):
        launcher.start(spec_uri)
    lost[0] = False
    launcher.start(spec_uri)
    launcher.start(spec_uri)
    first, second, third = (call["clientToken"] for call in calls)
    assert first == second != third


# -- looking after ---------------------------------------------------------------------------------


def described(client, tasks, failures=()):
    """Set the response to DescribeTasks; returns the parameters of every request."""
    calls = watch(client, "DescribeTasks")
    client.meta.events.register(
        "before-send.ecs.DescribeTasks", lambda **_: answer(200, {"tasks": tasks, "failures": list(failures)})
    )
    return calls


def handle_of(arn="arn:1", **facts):
    return json.dumps({"cluster": "tasks", "task": arn, **facts})


def stopped(code=None, stopped_reason="", stop_code="EssentialContainerExited", state="STOPPED", container_reason=""):
    own = {"name": "pipeline", "reason": container_reason, **({} if code is None else {"exitCode": code})}
    return {
        "taskArn": "arn:1",
        "lastStatus": state,
        "stopCode": stop_code,
        "stoppedReason": stopped_reason,
        "memory": "4096",
        "containers": [{"name": "sidecar", "exitCode": 9}, own],
    }


@pytest.mark.parametrize("state", ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING"])
def test_an_active_task_is_running(client, launcher, state):
    described(client, [stopped(0, state=state)])
    assert launcher.status(handle_of()) == TaskStatus(TaskState.RUNNING)


@pytest.mark.parametrize("state", ["DEPROVISIONING", "STOPPED", "DELETED"])
@pytest.mark.parametrize("code", [0, 1, 2, 3, 4])
def test_the_job_containers_exit_code_is_reported_as_soon_as_it_is_final(client, launcher, state, code):
    described(client, [stopped(code, state=state)])
    assert launcher.status(handle_of()) == TaskStatus(TaskState.EXITED, code, f"exit code {code}")


NOT_STARTED, SPOT, BY_USER = "TaskFailedToStart", "SpotInterruption", "UserInitiated"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
NETWORK = "Timeout waiting for network interface provisioning to complete."
TAKEN_BACK = "took the task's machine back"


@pytest.mark.parametrize(
    ("exit_code", "stopped_reason", "stop_code", "container_reason", "code", "counts", "words"),
    [
        (137, "Essential container exited", "EssentialContainerExited", "", "task-out-of-memory", True, "4096 MiB"),
        (
            1,
            "Essential container exited",
            "EssentialContainerExited",
            OUT_OF_MEMORY,
            "task-out-of-memory",
            True,
            "memory",
        ),
        (None, OUT_OF_MEMORY, "EssentialContainerExited", "", "task-out-of-memory", True, "memory"),
        (None, "CannotPullContainerError: no such manifest", NOT_STARTED, "", "task-image", True, "image"),
        (None, "Task failed to start", NOT_STARTED, "CannotPullContainerError: 403", "task-image", True, "image"),
        (None, "Task failed to start", NOT_STARTED, "", "task-not-started", True, "network"),
        (None, "ResourceInitializationError: no secrets", NOT_STARTED, "", "task-not-started", True, "secrets"),
        (None, NETWORK, NOT_STARTED, "", "task-not-started", True, "network"),
        (None, "CannotCreateContainerError: No space left on device", NOT_STARTED, "", "task-disk-full", True, "disk"),
        (None, NONE_LEFT, NOT_STARTED, "", "no-capacity", True, "retried"),
        (137, "Your Spot Task was interrupted.", SPOT, "", "", False, TAKEN_BACK),
        (None, "Your Spot Task was interrupted.", SPOT, "", "", False, TAKEN_BACK),
        (4, "Task is being retired", "TerminationNotice", "", "", False, TAKEN_BACK),
        (1, "The hardware failed", "InfrastructureHealth", "", "", False, TAKEN_BACK),
        (143, "An administrator stopped it", BY_USER, "", "", False, "administrator"),
        (4, "", BY_USER, "", "", False, "stopped"),
    ],
)
def test_stop_reasons_are_translated(
    client, launcher, exit_code, stopped_reason, stop_code, container_reason, code, counts, words
):
    described(client, [stopped(exit_code, stopped_reason, stop_code, container_reason=container_reason)])
    status = launcher.status(handle_of())
    assert status.state is (TaskState.GONE if exit_code is None else TaskState.EXITED)
    assert (status.exit_code, status.code, status.counts) == (exit_code, code, counts)
    assert words in status.reason


def test_a_stopped_task_without_an_exit_code_is_gone(client, launcher):
    described(client, [stopped(0, "Task stopped by user", "UserInitiated")])
    assert launcher.status(handle_of()) == TaskStatus(TaskState.GONE, reason="Task stopped by user")


def test_a_task_without_any_container_has_not_started(client, launcher):
    described(client, [{"taskArn": "arn:1", "lastStatus": "STOPPED", "stopCode": "TaskFailedToStart"}])
    assert launcher.status(handle_of()).code == "task-not-started"


def test_after_a_spot_task_that_never_got_its_machine_the_next_runs_on_demand(client, tmp_path, spec_uri):
    described(client, [stopped(None, NONE_LEFT, "TaskFailedToStart")])
    capacity = Capacity(client)
    launcher = FargateLauncher(fargate_settings(tmp_path, ecs_spot=True), client)
    assert launcher.status(handle_of()).code == "no-capacity"
    assert json.loads(launcher.start(spec_uri))["task"] == "arn:FARGATE"
    assert capacity.asked == ["FARGATE"]


def test_an_unknown_task_is_gone_unless_it_is_new(client, launcher):
    described(client, [], [{"arn": "arn:1", "reason": "MISSING"}])
    assert launcher.status(handle_of("arn:1", started=time.time())).state is TaskState.RUNNING
    assert launcher.status(handle_of("arn:2", started=time.time() - 500)).state is TaskState.GONE
    assert launcher.status(handle_of("arn:3")).state is TaskState.GONE


def test_stopping_an_unknown_task_is_ignored(launcher):
    launcher.stop(handle_of("arn:aws:ecs:eu-west-1:000000000000:task/tasks/none"))


def test_one_request_asks_after_all_tasks_and_its_answer_holds_for_a_while(client, tmp_path):
    clock = FakeClock()
    tasks = [{"taskArn": f"arn:{number}", "lastStatus": "RUNNING", "containers": []} for number in range(150)]
    calls = described(client, tasks)
    launcher = FargateLauncher(fargate_settings(tmp_path), client, poll_seconds=3.0, clock=clock)
    for number in range(150):
        launcher.status(handle_of(f"arn:{number}"))
    assert [len(call["tasks"]) for call in calls] == [1]  # one response described all tasks
    clock.now += 4
    tasks[7].update(stopped(0), taskArn="arn:7")
    for number in range(150):
        launcher.status(handle_of(f"arn:{number}"))
    assert [len(call["tasks"]) for call in calls] == [1, 100]
    assert launcher.status(handle_of("arn:7")).exit_code == 0
    clock.now += 4
    launcher.status(handle_of("arn:7"))
    assert len(calls) == 2
    launcher.status(handle_of("arn:8"))
    assert "arn:7" not in calls[2]["tasks"]


def test_the_status_cache_is_bounded(client, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MAX_OBSERVED", 3)
    described(client, [{"taskArn": f"arn:{number}", "lastStatus": "RUNNING"} for number in range(5)])
    launcher = FargateLauncher(fargate_settings(tmp_path), client)
    launcher.status(handle_of("arn:4"))
    assert list(launcher._observed) == ["arn:2", "arn:3", "arn:4"]


def test_it_makes_its_own_client(on_ecs, tmp_path):
    launcher = FargateLauncher(fargate_settings(tmp_path))
    assert launcher.status("").state is TaskState.GONE
