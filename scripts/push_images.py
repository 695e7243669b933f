#!/usr/bin/env python3
"""Pushes the images that build_images.sh made to ECR and prints, as JSON, by which digest each is to be deployed."""

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
    """The digest under which ECR keeps `repository:tag`; None where there is no such image."""
    try:
        found = ecr.describe_images(repositoryName=repository.partition("/")[2], imageIds=[{"imageTag": tag}])[
            "imageDetails"
        ]
    except ecr.exceptions.ImageNotFoundException:
        return None
    return str(found[0]["imageDigest"]) if found else None


def log_in(ecr: Any, registry: str) -> None:
    """Lets docker push to the registry for as long as ECR's token lives. The token never stands on a command line."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    done = run(["docker", "login", "--username", user, "--password-stdin", registry], input=password)
    if done.returncode:
        raise Failure(f"docker could not log in to {registry}: {done.stderr.strip()}")


def push(ecr: Any, local: str, repository: str, tag: str) -> str:
    """Pushes one image; the digest that ECR then has for the tag, which must be the one that docker pushed."""
    remote = f"{repository}:{tag}"
    for command in (["docker", "tag", local, remote], ["docker", "push", "--quiet", remote]):
        done = run(command)
        if done.returncode:
            raise Failure(f"{' '.join(command)} failed: {done.stderr.strip()}")
    inspected = run(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", remote])
    if inspected.returncode:
        raise Failure(f"docker does not tell the digest of {remote}: {inspected.stderr.strip()}")
    deadline = time.monotonic() + _VISIBLE_SECONDS
    while (digest := digest_of(ecr, repository, tag)) is None:
        if time.monotonic() > deadline:
            raise Failure(f"{remote} was pushed, but ECR does not show it after {_VISIBLE_SECONDS} seconds.")
        time.sleep(2)
    if f"{repository}@{digest}" not in (json.loads(inspected.stdout) or []):
        raise Failure(
            f"{remote} is not the image that was pushed: somebody else pushed under the same tag."
            " Make the repository's tags immutable and run this again."
        )
    return digest


def push_all(ecr: Any, deployment: Deployment, tag: str, *, prefix: str, look_up: bool) -> dict[str, str]:
    """Each image by digest. An image that is there already is kept: the same commit is the same image, whoever asks."""
    pushed: dict[str, str] = {}
    logged_in = False
    for name, repository in deployment.repositories.items():
        digest = digest_of(ecr, repository, tag)
        if digest:
            say(f"{name}: {tag} is in the registry already")
        elif look_up:
            raise Failure(
                f"The registry has no {repository}:{tag}. Give the full commit hash of a version that was"
                f" deployed before; aws ecr describe-images --repository-name {repository.partition('/')[2]} tells.",
                2,
            )
        else:
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
        epilog="AWS's own variables (AWS_PROFILE, a role, ...) say who you are."
        " Exit codes: 0 done, 1 failed, 2 asked wrongly.",
    )
    parser.add_argument(
        "--deployment", required=True, metavar="FILE", help="terraform output -json deployment; - reads standard input"
    )
    parser.add_argument("--tag", required=True, help="the commit's hash, which build_images.sh was given too")
    parser.add_argument(
        "--prefix", default="reviewlens-", help="what local image names begin with (default %(default)s)"
    )
    parser.add_argument(
        "--look-up", action="store_true", help="push nothing: the images of this tag must be there already"
    )
    parser.add_argument("--out", default="-", metavar="FILE", help="where the JSON goes (default: standard output)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """The script; returns its exit code."""
    given = _arguments(arguments)
    try:
        if not _TAG.fullmatch(given.tag):
            raise Failure(
                f"{given.tag!r} cannot be an image's tag: letters, digits, dots, dashes and underlines only.", 2
            )
        deployment = Deployment.parse(read(given.deployment))
        ecr = boto3.client("ecr", region_name=deployment.region)
        images = push_all(ecr, deployment, given.tag, prefix=given.prefix, look_up=given.look_up)
        text = json.dumps(images, separators=(",", ":")) + "\n"
        if given.out == "-":
            sys.stdout.write(text)
        else:
            Path(given.out).write_text(text, encoding="utf-8")
    except Failure as failure:
        say(f"push_images: {failure}")
        return failure.code
    except (BotoCoreError, ClientError) as error:
        say(f"push_images: ECR refused or did not answer: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
