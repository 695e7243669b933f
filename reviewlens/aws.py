"""AWS clients for the adapters; region, endpoint and credentials come from the usual AWS variables and roles."""

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

_PERMANENT = frozenset(
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
"""Error codes that a retry does not resolve."""


def client(service: str, **options: Any) -> Any:
    """Create a boto3 client with timeouts and retries with backoff (five attempts, standard mode).

    `options` are passed to botocore's Config. Raises ConfigurationError when region or credentials are missing.
    """
    settings: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": 5},
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 50,
    }
    with translate_errors(service):
        return boto3.session.Session(region_name=aws_region()).client(service, config=Config(**{**settings, **options}))


@contextlib.contextmanager
def translate_errors(service: str, errors_by_code: dict[str, ReviewLensError] | None = None) -> Iterator[None]:
    """Translate botocore's exceptions into ReviewLens errors; `errors_by_code` takes precedence for its AWS codes."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if errors_by_code and code in errors_by_code:
            raise errors_by_code[code] from error
        if code in _PERMANENT:
            raise ConfigurationError(
                f"AWS refused a request to {service} ({code}): check the role's permissions and the names in the"
                " settings.",
                code="aws-refused",
                details={"service": service, "aws_code": code},
            ) from error
        raise TransientError(
            f"A request to AWS failed ({service}: {code}); try again.",
            code="aws-failed",
            details={"service": service, "aws_code": code},
        ) from error
    except (NoCredentialsError, PartialCredentialsError, NoRegionError, ParamValidationError) as error:
        raise ConfigurationError(
            f"The AWS client for {service} is not configured correctly: {error}",
            code="aws-misconfigured",
            details={"service": service},
        ) from error
    except BotoCoreError as error:
        raise TransientError(
            f"Cannot reach AWS ({service}); try again.", code="aws-unreachable", details={"service": service}
        ) from error


def error_code(error: ClientError) -> str:
    """Return AWS's own code for an error, such as NoSuchKey."""
    return str(error.response.get("Error", {}).get("Code", ""))
