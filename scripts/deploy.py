#!/usr/bin/env python3
"""Deploys images to ECS by digest, runs the smoke test, and rolls back to the previous version if that fails."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from common import SERVICES, Deployment, Failure, parse_images, read, say
from rollout import PIPELINE_VARIABLE, Ecs, short
from smoke import Site, Visitor, check

_EPILOG = """\
Credentials come from the usual AWS variables (AWS_PROFILE, a role, ...). SMOKE_PASSWORD holds the password of
--smoke-user. Exit codes: 0 the new version runs; 1 it failed and the previous version runs again; 2 invalid arguments,
nothing was changed; 3 it failed and the rollback failed too: a person must act."""


@dataclass
class Change:
    """One deployment. `previous`: service to the revision to roll back to; `updated`: services that were updated."""

    ecs: Ecs
    deployment: Deployment
    images: dict[str, str]
    smoke: Callable[[], None]

    def __post_init__(self) -> None:
        self.previous: dict[str, str] = {}
        self.updated: list[str] = []

    def make(self) -> dict[str, str]:
        """Register, update, wait and run the smoke test. Returns service to new revision; raises the first failure."""
        names = self.deployment.services
        self.previous = {names[role]: self.ecs.settled(names[role]) for role in SERVICES}
        pipeline = self.ecs.register(self.deployment.task_family, "pipeline", self.images["pipeline"])
        # The backend names the revision that its jobs run in, so that two versions side by side start their own.
        variables = {PIPELINE_VARIABLE: short(pipeline)}
        wanted = {
            names[role]: self.ecs.register(
                self.ecs.family(self.previous[names[role]]), role, self.images[role], variables
            )
            for role in SERVICES
        }
        for service, arn in wanted.items():
            self.updated.append(service)
            self.ecs.update(service, arn)
        self.ecs.wait(wanted)
        self.smoke()
        return wanted

    def undo(self, *, wait: bool = True) -> None:
        """Roll services back to the previous revisions and deregister the new ones. Raises the first failure."""
        rollback = {service: self.previous[service] for service in self.updated}
        for service, arn in rollback.items():
            self.ecs.update(service, arn)
        if wait and rollback:
            self.ecs.wait(rollback)
        self.ecs.forget()


def deploy(change: Change) -> int:
    """Make the change, or undo it. Returns the exit code."""
    try:
        for service, arn in change.make().items():
            say(f"deploy: {service} runs {short(arn)}")
    except Exception as error:  # noqa: BLE001 - whatever failed, the previous version must run
        known = isinstance(error, (Failure, BotoCoreError, ClientError))
        say(f"deploy: the new version does not run. {error if known else repr(error)}")
        invalid = isinstance(error, Failure) and error.code == 2 and not change.updated
        return _roll_back(change, code=2 if invalid else 1)
    except KeyboardInterrupt:
        # GitHub kills a cancelled workflow within seconds: start the rollback and exit.
        say("deploy: interrupted; rolling back without waiting for it.")
        change.undo(wait=False)
        return 1
    return 0


def _roll_back(change: Change, code: int) -> int:
    try:
        say("deploy: rolling back to the previous version." if change.updated else "deploy: no service was changed.")
        change.undo()
        if change.updated:
            change.smoke()
    except Exception as error:  # noqa: BLE001 - a person must be told what to do now
        say(f"deploy: THE ROLLBACK FAILED TOO. {error}")
        for service, arn in change.previous.items():
            cluster = change.ecs.cluster
            say(f"  aws ecs update-service --cluster {cluster} --service {service} --task-definition {short(arn)}")
        return 3
    if change.updated:
        say("deploy: the previous version runs again.")
    return code


def _summary(path: str, code: int, images: dict[str, str]) -> None:
    outcomes = {
        0: "runs",
        1: "failed; the previous version runs",
        2: "was not tried",
        3: "FAILED, and so did the rollback",
    }
    lines = [f"### The new version {outcomes[code]}", "", "| part | image |", "|---|---|"]
    lines += [f"| {name} | `{reference}` |" for name, reference in images.items()]
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deployment", required=True, metavar="FILE", help="terraform output -json deployment")
    parser.add_argument(
        "--images", required=True, metavar="FILE", help="output of push_images.py; - reads standard input"
    )
    parser.add_argument(
        "--patience", type=float, default=900, help="seconds for services to become stable (default %(default)s)"
    )
    parser.add_argument("--poll", type=float, default=10, help="seconds between checks (default %(default)s)")
    parser.add_argument(
        "--smoke-patience", type=float, default=180, help="seconds for the site to become ready (default %(default)s)"
    )
    parser.add_argument("--smoke-user", default="", help="also analyse a small file as this user")
    parser.add_argument("--summary", default="", metavar="FILE", help="append a summary in Markdown to this file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the script. Returns the exit code."""
    options = _arguments(arguments)
    try:
        deployment = Deployment.parse(read(options.deployment))
        images = parse_images(read(options.images), deployment)
        site = Site(deployment.backend_url, deployment.frontend_url, options.smoke_patience)
        visitor = Visitor(options.smoke_user, os.environ.get("SMOKE_PASSWORD", "")) if options.smoke_user else None
        client = boto3.client(
            "ecs", region_name=deployment.region, config=Config(retries={"mode": "standard", "max_attempts": 8})
        )
        ecs = Ecs(client, deployment.cluster, poll=options.poll, patience=options.patience)
    except Failure as failure:
        say(f"deploy: {failure}")
        return failure.code
    # Set explicitly: a process in the background inherits that SIGINT is ignored.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(f"deploy: to the cluster {deployment.cluster} in {deployment.region}: {json.dumps(images)}")
    code = deploy(Change(ecs, deployment, images, lambda: check(site, visitor)))
    if options.summary:
        _summary(options.summary, code, images)
    return code


if __name__ == "__main__":
    sys.exit(main())
