"""Handles of tasks on AWS, as JSON, and the name that all tasks of a spec share."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def task_name(spec_uri: str) -> str:
    """Return the name of all tasks of this spec: 35 characters."""
    return "rl-" + hashlib.sha256(spec_uri.encode()).hexdigest()[:32]


def job_id_of(spec_uri: str) -> str:
    """Return the job's id, which is the name of the spec's folder."""
    return spec_uri.rstrip("/").split("/")[-2:][0]


def write_handle(**fields: Any) -> str:
    """Encode a handle; `read_handle` decodes it."""
    return json.dumps(fields)


def read_handle(handle: str, *names: str) -> dict[str, Any] | None:
    """Decode a handle; None unless it has a non-empty string for each of these names."""
    try:
        fields = json.loads(handle)
    except ValueError:
        return None
    if not isinstance(fields, dict) or not all(fields.get(name) and isinstance(fields[name], str) for name in names):
        return None
    return fields
