#!/usr/bin/env python3
"""Deploys images to ECS by digest, tries the result over HTTP, and goes back to the version before when that fails."""

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
AWS's own variables (AWS_PROFILE, a role, ...) say who you are. SMOKE_PASSWORD holds the password of --smoke-user.
Exit codes: 0 the new version runs; 1 it did not, and the version before runs again; 2 asked wrongly, nothing was
changed; 3 it did not, and going back failed too: somebody must look."""


@dataclass
class Change:
    """One deployment under way. `before`: service to the revision to go back to; `moved`: services told to move."""

    ecs: Ecs
    deployment: Deployment
    images: dict[str, str]
    smoke: Callable[[], None]

    def __post_init__(self) -> None:
        self.before: dict[str, str] = {}
        self.moved: list[str] = []

    def make(self) -> dict[str, str]:
        """Registers, moves, waits, tries. Returns service to new revision; raises what went wrong."""
        names = self.deployment.services
        self.before = {names[role]: self.ecs.settled(names[role]) for role in SERVICES}
        pipeline = self.ecs.register(self.deployment.task_family, "pipeline", self.images["pipeline"])
        # The backend names the revision that its jobs run in: while two versions run side by side, each starts its own.
        variables = {PIPELINE_VARIABLE: short(pipeline)}
        wanted = {
            names[role]: self.ecs.register(
                self.ecs.family(self.before[names[role]]), role, self.images[role], variables
            )
            for role in SERVICES
        }
        for service, arn in wanted.items():
            self.moved.append(service)
            self.ecs.update(service, arn)
        self.ecs.wait(wanted)
        self.smoke()
        return wanted

    def undo(self, *, wait: bool = True) -> None:
        """Services back to the revisions before; the new ones are taken out of use. Raises what went wrong."""
        back = {service: self.before[service] for service in self.moved}
        for service, arn in back.items():
            self.ecs.update(service, arn)
        if wait and back:
            self.ecs.wait(back)
        self.ecs.forget()


def deploy(change: Change) -> int:
    """Makes the change, or undoes it. Returns the exit code."""
    try:
        for service, arn in change.make().items():
            say(f"deploy: {service} runs {short(arn)}")
    except Exception as error:  # noqa: BLE001 - whatever it was, the version before must run
        known = isinstance(error, (Failure, BotoCoreError, ClientError))
        say(f"deploy: the new version does not run. {error if known else repr(error)}")
        asked_wrongly = isinstance(error, Failure) and error.code == 2 and not change.moved
        return _go_back(change, code=2 if asked_wrongly else 1)
    except KeyboardInterrupt:
        # A cancelled run is ended within seconds: say the way back and leave.
        say("deploy: stopped by hand; telling ECS to go back, without waiting for it.")
        change.undo(wait=False)
        return 1
    return 0


def _go_back(change: Change, code: int) -> int:
    try:
        say("deploy: going back to the version before." if change.moved else "deploy: no service was touched.")
        change.undo()
        if change.moved:
            change.smoke()
    except Exception as error:  # noqa: BLE001 - somebody has to be told what to do now
        say(f"deploy: GOING BACK FAILED TOO. {error}")
        for service, arn in change.before.items():
            cluster = change.ecs.cluster
            say(f"  aws ecs update-service --cluster {cluster} --service {service} --task-definition {short(arn)}")
        return 3
    if change.moved:
        say("deploy: the version before runs again.")
    return code


def _summary(path: str, code: int, images: dict[str, str]) -> None:
    said = {0: "runs", 1: "failed; the version before runs", 2: "was not tried", 3: "FAILED, and so did going back"}[
        code
    ]
    lines = [f"### The new version {said}", "", "| part | image |", "|---|---|"]
    lines += [f"| {name} | `{reference}` |" for name, reference in images.items()]
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deployment", required=True, metavar="FILE", help="terraform output -json deployment")
    parser.add_argument(
        "--images", required=True, metavar="FILE", help="what push_images.py printed; - reads standard input"
    )
    parser.add_argument(
        "--patience", type=float, default=900, help="seconds for services to settle (default %(default)s)"
    )
    parser.add_argument("--poll", type=float, default=10, help="seconds between looks (default %(default)s)")
    parser.add_argument(
        "--smoke-patience", type=float, default=180, help="seconds for the site to answer (default %(default)s)"
    )
    parser.add_argument("--smoke-user", default="", help="analyse a small file as this user, too")
    parser.add_argument("--summary", default="", metavar="FILE", help="append a summary in Markdown to this file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """The script; returns its exit code."""
    given = _arguments(arguments)
    try:
        deployment = Deployment.parse(read(given.deployment))
        images = parse_images(read(given.images), deployment)
        site = Site(deployment.backend_url, deployment.frontend_url, given.smoke_patience)
        visitor = Visitor(given.smoke_user, os.environ.get("SMOKE_PASSWORD", "")) if given.smoke_user else None
        client = boto3.client(
            "ecs", region_name=deployment.region, config=Config(retries={"mode": "standard", "max_attempts": 8})
        )
        ecs = Ecs(client, deployment.cluster, poll=given.poll, patience=given.patience)
    except Failure as failure:
        say(f"deploy: {failure}")
        return failure.code
    # Not what SIGINT does now: a process in the background has inherited that it ignores it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(f"deploy: to the cluster {deployment.cluster} in {deployment.region}: {json.dumps(images)}")
    code = deploy(Change(ecs, deployment, images, lambda: check(site, visitor)))
    if given.summary:
        _summary(given.summary, code, images)
    return code


if __name__ == "__main__":
    sys.exit(main())
