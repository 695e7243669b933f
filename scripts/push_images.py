#!/usr/bin/env python3
"""Pushes the images of build_images.sh to ECR and prints the digest of each as JSON."""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from common import Deployment, Failure, read, run, say

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_VISIBLE_SECONDS = 60


def digest_of(ecr: Any, repository: str, tag: str) -> str | None:
    """The digest of `repository:tag` in ECR; None if there is no such image."""
    try:
        name = repository.partition("/")[2]
        images = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": tag}])["imageDetails"]
    except ecr.exceptions.ImageNotFoundException:
        return None
    return str(images[0]["imageDigest"]) if images else None


def log_in(ecr: Any, registry: str) -> None:
    """Log docker in to the registry. The token goes through standard input, never onto a command line."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    done = run(["docker", "login", "--username", user, "--password-stdin", registry], input=password)
    if done.returncode:
        raise Failure(f"docker could not log in to {registry}: {done.stderr.strip()}")


def check_platform(local: str, platform: str) -> None:
    """Raises Failure (2) if the local image is for another processor than the task definitions name."""
    inspected = run(["docker", "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", local])
    if inspected.returncode:
        raise Failure(f"docker has no image {local}: {inspected.stderr.strip()}", 2)
    if (built := inspected.stdout.strip()) != platform:
        raise Failure(
            f"{local} is built for {built}, and the task definitions run {platform} (cpu_architecture in Terraform)."
            f" Build it with scripts/build_images.sh --platform {platform}.",
            2,
        )


def push(ecr: Any, local: str, repository: str, tag: str) -> str:
    """Push one image. Returns ECR's digest for the tag; raises Failure if it is not the one that docker pushed."""
    remote = f"{repository}:{tag}"
    for command in (["docker", "tag", local, remote], ["docker", "push", "--quiet", remote]):
        done = run(command)
        if done.returncode:
            raise Failure(f"{' '.join(command)} failed: {done.stderr.strip()}")
    inspected = run(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", remote])
    if inspected.returncode:
        raise Failure(f"docker does not report the digest of {remote}: {inspected.stderr.strip()}")
    deadline = time.monotonic() + _VISIBLE_SECONDS
    while (digest := digest_of(ecr, repository, tag)) is None:
        if time.monotonic() > deadline:
            raise Failure(f"{remote} was pushed, but ECR does not show it after {_VISIBLE_SECONDS} seconds.")
        time.sleep(2)
    if f"{repository}@{digest}" not in (json.loads(inspected.stdout) or []):
        raise Failure(
            f"{remote} is not the image that was pushed: another image was pushed with the same tag."
            " Make the repository's tags immutable and run this again."
        )
    return digest


def push_all(ecr: Any, deployment: Deployment, tag: str, *, prefix: str, look_up: bool) -> dict[str, str]:
    """Push the images; returns name to digest. An image that the registry already has for the tag is kept."""
    pushed: dict[str, str] = {}
    logged_in = False
    for name, repository in deployment.repositories.items():
        digest = digest_of(ecr, repository, tag)
        if digest:
            say(f"{name}: the registry already has {tag}")
        elif look_up:
            raise Failure(
                f"The registry has no {repository}:{tag}. Name the full commit hash of a version that was"
                f" deployed before. List: aws ecr describe-images --repository-name {repository.partition('/')[2]}",
                2,
            )
        else:
            check_platform(f"{prefix}{name}:{tag}", deployment.platform)
            if not logged_in:
                log_in(ecr, repository.partition("/")[0])
                logged_in = True
            say(f"{name}: pushing {repository}:{tag}")
            digest = push(ecr, f"{prefix}{name}:{tag}", repository, tag)
        pushed[name] = f"{repository}@{digest}"
    return pushed


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Credentials come from the usual AWS variables (AWS_PROFILE, a role, ...)."
        " Exit codes: 0 done, 1 failed, 2 invalid arguments.",
    )
    parser.add_argument(
        "--deployment", required=True, metavar="FILE", help="terraform output -json deployment; - reads standard input"
    )
    parser.add_argument("--tag", required=True, help="the commit's hash, as for build_images.sh")
    parser.add_argument("--prefix", default="reviewlens-", help="prefix of local image names (default %(default)s)")
    parser.add_argument("--look-up", action="store_true", help="push nothing: the registry must already have this tag")
    parser.add_argument("--out", default="-", metavar="FILE", help="file for the JSON (default: standard output)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the script. Returns the exit code."""
    options = _arguments(arguments)
    try:
        if not _TAG.fullmatch(options.tag):
            raise Failure(
                f"{options.tag!r} is not a valid image tag: use letters, digits, dots, dashes and underscores only.", 2
            )
        deployment = Deployment.parse(read(options.deployment))
        ecr = boto3.client("ecr", region_name=deployment.region)
        images = push_all(ecr, deployment, options.tag, prefix=options.prefix, look_up=options.look_up)
        text = json.dumps(images, separators=(",", ":")) + "\n"
        if options.out == "-":
            sys.stdout.write(text)
        else:
            Path(options.out).write_text(text, encoding="utf-8")
    except Failure as failure:
        say(f"push_images: {failure}")
        return failure.code
    except (BotoCoreError, ClientError) as error:
        say(f"push_images: ECR refused or did not answer: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
