"""Clients of AWS for the adapters: region, endpoint and credentials come from the usual AWS variables and roles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)

from reviewlens.errors import ConfigurationError, ReviewLensError, TransientError
from reviewlens.settings import aws_region

REFUSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "NoSuchBucket",
        "ResourceNotFoundException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Error codes that trying again does not mend."""


def client(service: str, **options: Any) -> Any:
    """A boto3 client that retries with growing pauses (five attempts, standard mode) and does not wait for ever.

    `options` go to botocore's Config. ConfigurationError where region or credentials are missing.
    """
    settings: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": 5},
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 50,
    }
    with plain_errors(service):
        return boto3.session.Session(region_name=aws_region()).client(service, config=Config(**{**settings, **options}))


@contextlib.contextmanager
def plain_errors(service: str, known: dict[str, ReviewLensError] | None = None) -> Iterator[None]:
    """Say in the project's own errors what AWS said; `known` has the errors that mean something here, by code."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if known and code in known:
            raise known[code] from error
        if code in REFUSED:
            raise ConfigurationError(
                f"AWS refused a request to {service} ({code}): check the role's rights and the names in the settings.",
                code="aws-refused",
                details={"service": service, "aws_code": code},
            ) from error
        raise TransientError(
            f"AWS could not answer a request to {service} ({code}); try again.",
            code="aws-failed",
            details={"service": service, "aws_code": code},
        ) from error
    except (NoCredentialsError, PartialCredentialsError, NoRegionError, ParamValidationError) as error:
        raise ConfigurationError(
            f"A request to {service} cannot be made: {error}", code="aws-misconfigured", details={"service": service}
        ) from error
    except BotoCoreError as error:
        raise TransientError(
            f"AWS's {service} cannot be reached; try again.", code="aws-unreachable", details={"service": service}
        ) from error


def error_code(error: ClientError) -> str:
    """AWS's own code of an error, such as NoSuchKey."""
    return str(error.response.get("Error", {}).get("Code", ""))
