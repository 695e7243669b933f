"""Creates on an AWS emulator what Terraform creates on AWS: bucket, table, user pool, cluster, task definition.

Usage: prepare.py FILE. Writes the settings for these resources to FILE. Run again, it keeps what exists.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import ClientError

from reviewlens import aws
from reviewlens.errors import ConfigurationError, ReviewLensError
from reviewlens.jobs.dynamodb import create_table

NAME = "reviewlens"
USER = "owner"
_EXISTS = frozenset(
    {"BucketAlreadyOwnedByYou", "BucketAlreadyExists", "ResourceInUseException", "UsernameExistsException"}
)


def main(target: Path) -> int:
    """Create everything and write the settings; print the password if the user is new. Returns 0."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if not endpoint:
        raise ConfigurationError(
            "AWS_ENDPOINT_URL must point to an emulator: on AWS, Terraform creates these resources."
        )
    bucket = f"{NAME}-data"
    ui = os.environ["REVIEWLENS_PUBLIC_FRONTEND_URL"]
    _bucket(bucket, ui)
    with _unless_exists():
        create_table(aws.client("dynamodb"), f"{NAME}-jobs")
    pool, client = _user_pool(os.environ["REVIEWLENS_PUBLIC_BACKEND_URL"], ui)
    _task(os.environ["PIPELINE_IMAGE"], endpoint)
    settings = {
        "STORE": f"s3://{bucket}",
        "JOBS_TABLE": f"{NAME}-jobs",
        "IDENTITY": "cognito",
        "COGNITO_USER_POOL": pool,
        "COGNITO_CLIENT": client,
        "COGNITO_JWKS_URL": f"{endpoint}/{pool}/.well-known/jwks.json",
        "COGNITO_DOMAIN": os.environ["REVIEWLENS_PUBLIC_S3_ENDPOINT_URL"],  # browsers reach the emulator there
        "COGNITO_TOKEN_URL": f"{endpoint}/oauth2/token",
        "LAUNCHER": "fargate",
        "ECS_CLUSTER": NAME,
        "ECS_TASK_DEFINITION": f"{NAME}-pipeline",
        "ECS_SUBNETS": "subnet-emulated",
        "ECS_SECURITY_GROUPS": "sg-emulated",
    }
    draft = target.with_name(".draft")
    draft.write_text("".join(f"REVIEWLENS_{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    draft.replace(target)
    _owner(pool)  # last, so that the password appears only when everything else exists; a failed start is repeated
    sys.stdout.write(f"The emulated account is ready: {bucket}, {NAME}-jobs, {pool}.\n")
    return 0


def _bucket(name: str, ui: str) -> None:
    s3 = aws.client("s3")
    with _unless_exists():
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]})
    rule = {
        "AllowedMethods": ["POST", "PUT"],
        "AllowedOrigins": [ui],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
    }
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})


def _user_pool(backend: str, ui: str) -> tuple[str, str]:
    """The ids of the pool and of its client, whose log-in pages lead back to these two addresses."""
    cognito = aws.client("cognito-idp")
    pools = [pool["Id"] for pool in cognito.list_user_pools(MaxResults=60)["UserPools"] if pool["Name"] == NAME]
    pool = pools[0] if pools else cognito.create_user_pool(PoolName=NAME)["UserPool"]["Id"]
    clients = cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"]
    named = [client["ClientId"] for client in clients if client["ClientName"] == NAME]
    if not named:
        created = cognito.create_user_pool_client(
            UserPoolId=pool,
            ClientName=NAME,
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            EnableTokenRevocation=True,
            PreventUserExistenceErrors="ENABLED",
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid"],
            SupportedIdentityProviders=["COGNITO"],
            CallbackURLs=[f"{backend}/session/callback"],
            LogoutURLs=[ui],
        )
        named = [created["UserPoolClient"]["ClientId"]]
    return pool, named[0]


def _owner(pool: str) -> None:
    """Create the user on the first start and print the password once."""
    cognito = aws.client("cognito-idp")
    with _unless_exists():
        cognito.admin_create_user(UserPoolId=pool, Username=USER, MessageAction="SUPPRESS")
        password = f"{secrets.token_urlsafe(12)}-Aa1"
        cognito.admin_set_user_password(UserPoolId=pool, Username=USER, Password=password, Permanent=True)
        sys.stdout.write(f"Log in as {USER} with the password {password} (shown once, for this emulator only).\n")


def _task(image: str, endpoint: str) -> None:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName=NAME, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    names = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    environment = {name: os.environ[name] for name in names} | {"AWS_ENDPOINT_URL": endpoint}
    ecs.register_task_definition(
        family=f"{NAME}-pipeline",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="1024",
        memory="4096",
        containerDefinitions=[
            {
                "name": "pipeline",
                "image": image,
                "essential": True,
                "environment": [{"name": name, "value": value} for name, value in environment.items()],
            }
        ],
    )


@contextlib.contextmanager
def _unless_exists() -> Iterator[None]:
    """Ignore the error that the resource already exists."""
    try:
        yield
    except ClientError as error:
        if aws.error_code(error) not in _EXISTS:
            raise
    except ReviewLensError as error:
        if error.details.get("aws_code") not in _EXISTS:
            raise


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
