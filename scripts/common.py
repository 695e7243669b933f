"""Shared by the scripts: messages, failures with an exit code, running programs, the description of a deployment."""

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
    """A failure with a message for people; `main` prints it and exits with `code`."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def read(path: str) -> str:
    """The text of a file, or of standard input for `-`. Raises Failure (2) if it cannot be read."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}", 2) from error


def run(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program and wait for it; the caller prints its output. Raises Failure (2) if it is not installed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not installed on this machine.", 2) from error


@dataclass(frozen=True)
class Deployment:
    """Where ReviewLens runs in an AWS account; `terraform output -json deployment` prints it."""

    region: str
    cluster: str
    services: Mapping[str, str]
    task_family: str
    repositories: Mapping[str, str]
    backend_url: str
    frontend_url: str
    jobs_table: str = ""
    platform: str = "linux/amd64"

    @classmethod
    def parse(cls, text: str) -> Deployment:
        """Read the JSON. Raises Failure (2) that names missing and invalid fields."""
        outputs = _object(text, "the deployment (terraform output -json deployment)")
        names = ("region", "cluster", "task_family", "backend_url", "frontend_url")
        wrong = [name for name in names if not isinstance(outputs.get(name), str) or not outputs[name]]
        for name, keys in (("services", SERVICES), ("repositories", IMAGES)):
            group = outputs.get(name)
            group = group if isinstance(group, dict) else {}
            wrong += [f"{name}.{key}" for key in keys if not isinstance(group.get(key), str) or not group[key]]
        if wrong:
            raise Failure(
                f"The deployment lacks {', '.join(wrong)}. Print it with terraform -chdir=infra output -json deployment"
                " and store it in the variable DEPLOYMENT of the GitHub environment.",
                2,
            )
        services = {name: outputs["services"][name] for name in SERVICES}
        repositories = {name: outputs["repositories"][name] for name in IMAGES}
        given = {name: str(outputs[name]) for name in (*names, "jobs_table", "platform") if name in outputs}
        return cls(services=services, repositories=repositories, **given)


def parse_images(text: str, deployment: Deployment) -> dict[str, str]:
    """Image name to `repository@sha256:…`. Raises Failure (2) for a tag, another repository or a missing image."""
    references = _object(text, "the list of images (the output of push_images.py)")
    for name in IMAGES:
        reference = references.get(name)
        match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        if match is None or match["repository"] != deployment.repositories[name]:
            raise Failure(
                f"The image of {name} must be {deployment.repositories[name]}@sha256:…, not {reference!r}."
                " Deploy the output of push_images.py; a tag is refused, because it can be moved to another image.",
                2,
            )
    return {name: references[name] for name in IMAGES}


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Failure(f"This is not JSON: {name}: {error}", 2) from error
    if not isinstance(value, dict):
        raise Failure(f"This is not a JSON object: {name}.", 2)
    return value
