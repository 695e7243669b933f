"""What the scripts share: plain words on standard error, failures that end a script, programs that may be absent."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ("backend", "frontend")
IMAGES = ("backend", "frontend", "pipeline")
_REFERENCE = re.compile(r"(?P<repository>[a-z0-9][a-z0-9._:/-]*)@sha256:[0-9a-f]{64}")


class Failure(Exception):
    """What went wrong and what to do, in words for a person; `main` prints it and ends with its exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    """One line for the person who reads the log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def read(path: str) -> str:
    """The text of a file, or of standard input for `-`. Raises Failure (2) where it cannot be read."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}", 2) from error


def run(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program and waits for it; its output is the caller's to print. Raises Failure where it is missing."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not installed on this machine.", 2) from error


@dataclass(frozen=True)
class Deployment:
    """Where ReviewLens runs in an AWS account: what `terraform output -json deployment` prints."""

    region: str
    cluster: str
    services: Mapping[str, str]
    task_family: str
    repositories: Mapping[str, str]
    backend_url: str
    frontend_url: str

    @classmethod
    def parse(cls, text: str) -> Deployment:
        """Reads the JSON. Raises Failure (2) that names what is missing or of the wrong form."""
        found = _object(text, "the deployment (terraform output -json deployment)")
        words = ("region", "cluster", "task_family", "backend_url", "frontend_url")
        wrong = [name for name in words if not isinstance(found.get(name), str) or not found[name]]
        for name, keys in (("services", SERVICES), ("repositories", IMAGES)):
            inner = found.get(name)
            inner = inner if isinstance(inner, dict) else {}
            wrong += [f"{name}.{key}" for key in keys if not isinstance(inner.get(key), str) or not inner[key]]
        if wrong:
            raise Failure(
                f"The deployment lacks {', '.join(wrong)}. Print it with terraform -chdir=infra output -json deployment"
                " and put it into the variable DEPLOYMENT of the GitHub environment.",
                2,
            )
        services = {name: found["services"][name] for name in SERVICES}
        repositories = {name: found["repositories"][name] for name in IMAGES}
        return cls(services=services, repositories=repositories, **{name: found[name] for name in words})


def parse_images(text: str, deployment: Deployment) -> dict[str, str]:
    """Image name to `repository@sha256:…`. Raises Failure (2) for a tag, another repository or a missing image."""
    found = _object(text, "the list of images (what push_images.py prints)")
    for name in IMAGES:
        reference = found.get(name)
        match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        if match is None or match["repository"] != deployment.repositories[name]:
            raise Failure(
                f"The image of {name} must be {deployment.repositories[name]}@sha256:… and is {reference!r}."
                " Deploy what push_images.py printed; a tag is refused, since it can come to mean another image.",
                2,
            )
    return {name: found[name] for name in IMAGES}


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Failure(f"What was given as {what} is not JSON: {error}", 2) from error
    if not isinstance(found, dict):
        raise Failure(f"What was given as {what} is not a JSON object.", 2)
    return found
