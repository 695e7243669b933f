"""Handles of tasks on AWS: JSON that names the task, and a name by which a task finds its spec."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def task_name(spec_uri: str) -> str:
    """The name that every task of this spec carries, 35 letters and digits."""
    return "rl-" + hashlib.sha256(spec_uri.encode()).hexdigest()[:32]


def job_of(spec_uri: str) -> str:
    """The job's id: the folder that the spec lies in."""
    return spec_uri.rstrip("/").split("/")[-2:][0]


def write_handle(**facts: Any) -> str:
    """The handle; `read_handle` is its inverse."""
    return json.dumps(facts)


def read_handle(handle: str, *names: str) -> dict[str, Any] | None:
    """What a handle says; None unless it has text under all these names."""
    try:
        facts = json.loads(handle)
    except ValueError:
        return None
    if not isinstance(facts, dict) or not all(facts.get(name) and isinstance(facts[name], str) for name in names):
        return None
    return facts
