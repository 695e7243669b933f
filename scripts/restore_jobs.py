#!/usr/bin/env python3
"""Restores the job table to a point in time: stops the backend, copies the rows of then back, starts it again."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from common import Deployment, Failure, read, say
from rollout import Ecs

_EPILOG = """\
Rows that are in the point in time are restored, also those that were changed or deleted since. Rows of jobs that were
submitted after it are kept, because their results exist; --delete-newer deletes them. Exit codes: 0 restored; 1 failed:
the backend runs again, and running this once more continues; 2 invalid arguments, nothing was changed."""


def point_in_time(text: str) -> datetime:
    """Parse an ISO 8601 time with a zone. Raises Failure (2) for another text or a time that is not in the past."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failure(f"{text!r} is not a time. Write it like 2026-03-01T12:00:00Z.", 2) from error
    if moment.tzinfo is None:
        raise Failure(f"{text!r} has no time zone. Write it like 2026-03-01T12:00:00Z.", 2)
    if moment >= datetime.now(UTC):
        raise Failure(f"{text!r} is not in the past.", 2)
    return moment


def restore(dynamodb: Any, table: str, moment: datetime, *, delete_newer: bool = False) -> dict[str, int]:
    """Copy the rows of `moment` into the table. Returns the numbers of rows `restored`, `kept` and `deleted`."""
    copy = f"{table}-at-{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    client = dynamodb.meta.client
    try:
        client.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=copy, RestoreDateTime=moment)
        say(f"restore_jobs: restoring {table} as {copy}; this takes at least some minutes")
    except client.exceptions.TableAlreadyExistsException:
        say(f"restore_jobs: {copy} exists from an earlier try")
    client.get_waiter("table_exists").wait(TableName=copy, WaiterConfig={"Delay": 20, "MaxAttempts": 720})
    live, keys = dynamodb.Table(table), set()
    with live.batch_writer() as batch:
        for row in _rows(dynamodb.Table(copy)):
            keys.add((row["pk"], row["sk"]))
            batch.put_item(Item=row)
    newer = [row for row in _rows(live) if (row["pk"], row["sk"]) not in keys]
    if delete_newer:
        with live.batch_writer() as batch:
            for row in newer:
                batch.delete_item(Key={"pk": row["pk"], "sk": row["sk"]})
    client.delete_table(TableName=copy)
    return {
        "restored": len(keys),
        "kept": 0 if delete_newer else len(newer),
        "deleted": len(newer) if delete_newer else 0,
    }


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    options: dict[str, Any] = {"ConsistentRead": True}
    while True:
        page = table.scan(**options)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        options["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deployment", required=True, metavar="FILE", help="terraform output -json deployment")
    parser.add_argument(
        "--time", required=True, help="the point in time, within the last 35 days, such as 2026-03-01T12:00:00Z"
    )
    parser.add_argument("--delete-newer", action="store_true", help="delete the rows that did not exist then")
    parser.add_argument("--poll", type=float, default=10, help="seconds between checks (default %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the script. Returns the exit code."""
    options = _arguments(arguments)
    started = time.monotonic()
    try:
        deployment = Deployment.parse(read(options.deployment))
        if not deployment.jobs_table:
            raise Failure("The deployment lacks jobs_table. Print it again: terraform output -json deployment", 2)
        moment = point_in_time(options.time)
        ecs = Ecs(boto3.client("ecs", region_name=deployment.region), deployment.cluster, poll=options.poll)
        dynamodb = boto3.resource("dynamodb", region_name=deployment.region)
        backend = deployment.services["backend"]
        tasks = ecs.service(backend)["desiredCount"]
        try:
            ecs.scale(backend, 0)
            counts = restore(dynamodb, deployment.jobs_table, moment, delete_newer=options.delete_newer)
        finally:
            ecs.scale(backend, tasks, wait=False)
    except Failure as failure:
        say(f"restore_jobs: {failure}")
        return failure.code
    except (BotoCoreError, ClientError) as error:
        say(f"restore_jobs: AWS refused or did not answer: {error}")
        return 1
    rows = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    say(f"restore_jobs: rows of {deployment.jobs_table}: {rows}; {time.monotonic() - started:.0f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
