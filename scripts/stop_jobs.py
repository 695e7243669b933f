#!/usr/bin/env python3
"""Stops the backend and all tasks of jobs, so that terraform destroy finds nothing that still runs."""

from __future__ import annotations

import argparse
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from common import Deployment, Failure, read, say
from rollout import Ecs

_EPILOG = """\
Jobs keep what they have finished: started again with terraform apply, they resume. Exit codes: 0 nothing runs any more;
1 something still runs; 2 invalid arguments, nothing was changed."""


def main(arguments: list[str] | None = None) -> int:
    """Run the script. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deployment", required=True, metavar="FILE", help="terraform output -json deployment")
    parser.add_argument("--patience", type=float, default=300, help="seconds for tasks to stop (default %(default)s)")
    parser.add_argument("--poll", type=float, default=5, help="seconds between checks (default %(default)s)")
    options = parser.parse_args(arguments)
    try:
        deployment = Deployment.parse(read(options.deployment))
        client = boto3.client("ecs", region_name=deployment.region)
        ecs = Ecs(client, deployment.cluster, poll=options.poll, patience=options.patience)
        ecs.scale(deployment.services["backend"], 0)  # first, because it starts tasks again
        stopped = ecs.stop_tasks(deployment.task_family)
    except Failure as failure:
        say(f"stop_jobs: {failure}")
        return failure.code
    except (BotoCoreError, ClientError) as error:
        say(f"stop_jobs: ECS refused or did not answer: {error}")
        return 1
    say(f"stop_jobs: the backend is stopped, and so are {stopped} tasks of jobs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
