"""Terraform's code is well formed and what it makes works: applied to the emulator, used, unchanged, destroyed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from tests.docker_standin import StandIn, standin
from tests.emulator import Emulator, program, running
from tests.frontend import running as processes
from tests.infra.terraform import INFRA, Terraform, Unavailable, initialised

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "reviews.csv"
PASSWORD = "A-long-pass-phrase-9"
# The emulator has no VPC origins of CloudFront and half of alarms, and nobody there builds images of backend and UI.
VARIABLES = {
    "image_tag": "first",
    "cloudfront": "false",
    "alarms": "false",
    "backend_tasks": "0",
    "frontend_tasks": "0",
    "keep_data": "false",
    "engine": "textblob",
    "github_repository": "example/reviewlens",
    "alarm_emails": '["somebody@example.com"]',
}
# What a job's image would bring along, made small.
TASK = {"REVIEWLENS_WORKERS": "1", "REVIEWLENS_DRIVER_MEMORY_MB": "512"}
pytestmark = [pytest.mark.timeout(3600)]


def test_the_code_is_formatted() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("Terraform is not installed on this machine")
    done = Terraform(INFRA, {"PATH": str(Path(shutil.which("terraform") or "").parent)}).run(
        "fmt", "-check", "-recursive", "-diff", check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Plans a new installation with CloudFront, flow logs and alarms; returns values and references by address."""
    if program() is None:
        pytest.skip("no AWS emulator is installed; ./run test installs it")
    folder = tmp_path_factory.mktemp("plan")

    @cache
    def plan(**variables: str) -> dict[str, Any]:
        with running(folder) as emulator:
            try:
                terraform = initialised(folder / "terraform", dict(emulator.environment))
            except Unavailable as error:
                pytest.skip(str(error))
            given = [f"-var={name}={value}" for name, value in ({"image_tag": "first"} | variables).items()]
            terraform.run("validate")
            terraform.run("plan", "-input=false", "-out=plan", *given)
            found = json.loads(terraform.run("show", "-json", "plan").stdout)
        shutil.rmtree(folder / "terraform")
        values = {
            each["address"]: each.get("values", {}) for each in found["planned_values"]["root_module"]["resources"]
        }
        references = {each["address"]: str(each) for each in found["configuration"]["root_module"]["resources"]}
        return {"values": values, "references": references}

    return plan


@pytest.mark.slow
def test_cloudfront_is_the_only_way_in_and_reaches_an_internal_load_balancer(
    planned: Callable[..., dict[str, Any]],
) -> None:
    plan = planned(**GITHUB, **IDS)
    values = plan["values"]
    assert values["aws_lb.main"]["internal"] is True
    assert "aws_subnet.private" in plan["references"]["aws_lb.main"]
    (origin,) = values["aws_cloudfront_distribution.main[0]"]["origin"]
    assert origin["custom_origin_config"] == [] and len(origin["vpc_origin_config"]) == 1
    assert "aws_vpc_security_group_ingress_rule.cloudfront[0]" in values
    assert not [address for address in values if address.startswith("aws_vpc_security_group_ingress_rule.world")]

    (cost,) = values["aws_budgets_budget.monthly[0]"]["cost_filter"]
    assert cost == {"name": "TagKeyValue", "values": ["user:Project$reviewlens"]}

    assert values["aws_flow_log.vpc[0]"]["log_destination_type"] == "s3"
    assert "aws_s3_bucket_policy.logs" in plan["references"]["aws_flow_log.vpc"]

    alarm = values["aws_cloudwatch_metric_alarm.silence[0]"]
    assert alarm["treat_missing_data"] == "notBreaching"
    queries = {query["id"]: query for query in alarm["metric_query"]}
    assert queries["wanted"]["metric"][0]["metric_name"] == "DesiredTaskCount"
    assert "wanted" in queries["silent"]["expression"] and "lines" in queries["silent"]["expression"]


GITHUB = {
    "github_repository": "Example/reviewlens",
    "github_oidc_provider_arn": "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com",
}
IDS = {"github_owner_id": "12", "github_repository_id": "345", "cpu_architecture": "ARM64"}
BY_NAME, BY_ID = "repo:Example/reviewlens", "repo:Example@12/reviewlens@345"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ids", "repositories", "processor"),
    [({}, {BY_NAME}, "X86_64"), (IDS, {BY_NAME, BY_ID}, "ARM64")],
    ids=["without ids", "with ids"],
)
def test_a_role_for_github_accepts_one_environment_of_one_repository_in_both_forms(
    planned: Callable[..., dict[str, Any]], ids: dict[str, str], repositories: set[str], processor: str
) -> None:
    values = planned(**GITHUB, **ids)["values"]
    for role, environment in (("images", "images"), ("deploy", "production")):
        (statement,) = json.loads(values[f'aws_iam_role.github["{role}"]']["assume_role_policy"])["Statement"]
        assert set(statement["Condition"]) == {"StringEquals"}  # no wildcard
        subjects = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
        subjects = [subjects] if isinstance(subjects, str) else subjects
        assert set(subjects) == {f"{repository}:environment:{environment}" for repository in repositories}
    for definition in ("pipeline", 'services["backend"]', 'services["frontend"]'):
        (platform,) = values[f"aws_ecs_task_definition.{definition}"]["runtime_platform"]
        assert platform == {"cpu_architecture": processor, "operating_system_family": "LINUX"}


@dataclass(frozen=True)
class Installation:
    """What `terraform apply` made on an emulator of its own."""

    terraform: Terraform
    emulator: Emulator
    docker: StandIn
    outputs: dict[str, Any]

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-west-1"}
        return boto3.client(service, endpoint_url=self.emulator.url, **keys)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    if program() is None:
        pytest.skip("no AWS emulator is installed; ./run test installs it")
    folder = tmp_path_factory.mktemp("infra")
    with (
        standin(folder / "docker", environment=TASK) as docker,
        running(folder, docker_host=docker.docker_host) as emulator,
    ):
        try:
            terraform = initialised(folder / "terraform", dict(emulator.environment))
        except Unavailable as error:
            pytest.skip(str(error))
        variables = [f"-var={name}={value}" for name, value in VARIABLES.items()]
        terraform.run("validate")
        terraform.run("apply", "-auto-approve", "-input=false", "-parallelism=20", *variables)
        yield Installation(terraform, emulator, docker, terraform.outputs())
        terraform.run("destroy", "-auto-approve", "-input=false", "-parallelism=20", *variables)
        assert terraform.resources() == []
        left = Installation(terraform, emulator, docker, {})
        assert left.client("s3").list_buckets()["Buckets"] == []
        assert left.client("dynamodb").list_tables()["TableNames"] == []
        assert left.client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"] == []


@pytest.mark.minutes
def test_a_job_runs_through_what_was_made(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = installation.outputs
    cognito = installation.client("cognito-idp")
    name = "ana"
    cognito.admin_create_user(
        UserPoolId=made["user_pool_id"],
        Username=name,
        UserAttributes=[{"Name": "email", "Value": "ana@example.com"}, {"Name": "email_verified", "Value": "true"}],
        MessageAction="SUPPRESS",
    )
    cognito.admin_set_user_password(UserPoolId=made["user_pool_id"], Username=name, Password=PASSWORD, Permanent=True)
    monkeypatch.setattr(processes, "_wait", partial(processes._wait, seconds=300))
    for variable, value in installation.emulator.environment.items():
        monkeypatch.setenv(variable, value)
    settings = {
        key.removeprefix("REVIEWLENS_").lower(): value
        for key, value in made["environment"].items()
        if key.startswith("REVIEWLENS_")
    }
    keys = f"{installation.emulator.url}/{made['user_pool_id']}/.well-known/jwks.json"
    with processes.backend(tmp_path, **settings, cognito_jwks_url=keys) as backend:
        tokens = backend.call("POST", "/login", json={"username": name, "password": PASSWORD})
        ana = processes.Backend(backend.url, tmp_path, {}, tokens["access_token"], tokens["refresh_token"])
        job_id = ana.submit("reviews.csv", EXAMPLE.read_bytes())
        job = ana.ended(job_id, 900)
        assert job["state"] == "succeeded", job
        dashboard = ana.call("POST", "/generate_dashboard", json={"job_id": job_id})
        subject = ana.call("GET", "/me")["subject"]
        assert httpx.get(f"{backend.url}/jobs", timeout=30).status_code == 401
    assert dashboard["counts"]["read"] == job["rows_read"] > 300
    assert dashboard["distribution"]["positive"] > dashboard["distribution"]["negative"] > 0

    task = installation.docker.containers[next(iter(installation.docker.containers))]
    assert task.config["Image"] == f"{made['repositories']['pipeline']}:first"
    assert task.config["Cmd"][:2] == ["python", "sentiment-pipeline/run_all.py"]
    objects = {each["Key"] for each in installation.client("s3").list_objects_v2(Bucket=made["bucket"])["Contents"]}
    assert {f"output/{subject}/served.csv", f"output/{subject}/{job_id}/inference_summary.json"} <= objects
    rows = installation.client("dynamodb").scan(TableName=made["jobs_table"])["Items"]
    assert any(row["sk"]["S"] == f"job#{job_id}" for row in rows)


@pytest.mark.minutes
def test_planning_again_finds_nothing_to_change(installation: Installation) -> None:
    variables = [f"-var={name}={value}" for name, value in VARIABLES.items()]
    planned = installation.terraform.run("plan", "-detailed-exitcode", "-input=false", *variables, check=False)
    assert planned.returncode == 0, planned.stdout[-6000:] + planned.stderr


@pytest.mark.minutes
def test_the_scripts_can_read_where_to_deploy(installation: Installation) -> None:
    told = installation.outputs["deployment"]
    assert told["services"] == {"backend": "backend", "frontend": "frontend"}
    assert told["task_family"] == "reviewlens-pipeline"
    assert set(told["repositories"]) == {"backend", "frontend", "pipeline"}
    described = installation.client("ecs").describe_services(cluster=told["cluster"], services=["backend", "frontend"])
    assert [service["status"] for service in described["services"]] == ["ACTIVE", "ACTIVE"]


@pytest.mark.minutes
def test_the_operators_key_is_in_its_secret_and_nowhere_in_the_state(installation: Installation) -> None:
    secret = installation.client("secretsmanager").get_secret_value(
        SecretId=installation.outputs["operator_key_secret"]
    )
    assert len(secret["SecretString"]) == 48
    assert secret["SecretString"] not in (installation.terraform.folder / "terraform.tfstate").read_text()


@pytest.mark.minutes
def test_the_bucket_refuses_what_it_should(installation: Installation) -> None:
    s3, bucket = installation.client("s3"), installation.outputs["bucket"]
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert '"aws:SecureTransport":"false"' in s3.get_bucket_policy(Bucket=bucket)["Policy"].replace(" ", "")
    (cors,) = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    assert cors["AllowedOrigins"] == [installation.outputs["url"]]
    assert cors["AllowedMethods"] == ["POST"]
