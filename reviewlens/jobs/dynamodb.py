"""The job table in DynamoDB, which any number of backends may share.

One on-demand table with this schema (`SCHEMA`; `infra/` creates the same):

- key: `pk` (S, hash) and `sk` (S, range);
- index `unfinished`: `unfinished` (S, hash: the state) and `id` (S, range), all attributes. Sparse: finished jobs
  are not in it, except under "deleting" while they are being deleted;
- index `everyone`: `everyone` (S, hash: always "jobs") and `id` (S, range), all attributes;
- time to live: the attribute `expires_at` (N, seconds since 1970).

| pk | sk | content |
|---|---|---|
| `user#{user}` | `job#{id}` | a job |
| `user#{user}` | `print#{fingerprint}` | the id of the user's job with this fingerprint, at most one |
| `user#{user}` | `tally` | how many jobs the user has, how many of them unfinished |
| `user#{user}` | `deleted#{id}` | a note that a job was deleted, without its file name; expires by time to live |
| `live` | `live` | the set of jobs that are RUNNING or CANCELLING, which enforces their limit |

Every write is one transaction over the items it touches, on condition that the job's version and state are as they were
read. So the four items always agree, and a late or repeated request changes nothing. Reads of a job are consistent. The
indexes lag behind by milliseconds, rarely more: callers that act on a listed job read it again.
"""

from __future__ import annotations

import bisect
import contextlib
import logging
import random
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from heapq import merge
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from reviewlens import aws
from reviewlens.errors import ConfigurationError, ConflictError, TransientError
from reviewlens.ids import now
from reviewlens.jobs.interface import BEING_DELETED, LIVE, UNFINISHED, UNLIMITED, Counts, Job, Jobs, JobState
from reviewlens.jobs.rules import (
    FIELDS,
    changed,
    check_finished,
    check_move,
    check_version,
    id_taken,
    no_such_job,
    over_limit,
    unfinished_states,
)

_log = logging.getLogger(__name__)
TTL_ATTRIBUTE = "expires_at"
KEPT_AFTER_DELETION_SECONDS = 30 * 24 * 3600
_INDEXES = ("unfinished", "everyone")
SCHEMA: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "id", *_INDEXES)],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": name,
            "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        for name in _INDEXES
    ],
}
_NUMBERS = frozenset({"attempts", "rows_read", "seconds", "version"})
_LIVE_KEY = {"pk": {"S": "live"}, "sk": {"S": "live"}}
_REFUSED = "ConditionalCheckFailed"
_REFUSED_ALONE = "ConditionalCheckFailedException"
_BUSY = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_DELETING = "deleting"
_QUEUE_SECONDS = 1.0
_PAGE = 1000
Operations = list[dict[str, Any]]
Reasons = list[str]


def create_table(client: Any, name: str) -> None:
    """Create the table and wait until it is active; for emulators and experiments without Terraform."""
    with aws.translate_errors("dynamodb"):
        client.create_table(TableName=name, **SCHEMA)
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
        )


class DynamoJobTable:
    """A JobTable that any number of processes may share."""

    def __init__(self, table_name: str, client: Any = None) -> None:
        self.name = table_name
        self._client = client or aws.client("dynamodb")
        self._queue: list[str] = []
        self._queue_read_at = -_QUEUE_SECONDS
        self._queue_lock = threading.Lock()

    # -- read ---------------------------------------------------------------------------------------------------------

    def get(self, user: str, job_id: str) -> Job:
        """One job of this user, read consistently."""
        item = self._item(_key(user, f"job#{job_id}"))
        if item is None:
            raise no_such_job()
        return _job(item)

    def find(self, user: str, fingerprint: str) -> Job | None:
        """The user's job with this fingerprint."""
        print_item = self._item(_key(user, f"print#{fingerprint}"))
        item = self._item(_key(user, f"job#{print_item['job']['S']}")) if print_item else None
        return _job(item) if item else None

    def counts(self, user: str) -> Counts:
        """How many jobs the user has, from one small item."""
        item = self._item(_key(user, "tally")) or {}
        return Counts(*(int(item.get(name, _number(0))["N"]) for name in ("count_all", "count_unfinished")))

    def in_states(self, states: Iterable[JobState], *, limit: int = UNLIMITED) -> Jobs:
        """All users' jobs in these unfinished states, oldest first, from an index that may lag behind."""
        wanted = unfinished_states(states)
        if not wanted:
            self._item(_LIVE_KEY)  # without states this is a check of the table
        lists = (_readable(self._index("unfinished", str(state), limit=limit)) for state in wanted)
        return [*islice(merge(*lists, key=lambda job: job.id), limit)]

    def being_deleted(self) -> Jobs:
        """Finished jobs whose deletion has begun, oldest first, from an index that may lag behind."""
        return [*_readable(self._index("unfinished", _DELETING))]

    def ahead(self, job: Job) -> int:
        """How many queued jobs were created before this one, from a list that is read at most once a second."""
        with self._queue_lock:
            if time.monotonic() - self._queue_read_at >= _QUEUE_SECONDS:
                queued = self._index("unfinished", str(JobState.QUEUED), ProjectionExpression="id")
                self._queue = [item["id"]["S"] for item in queued]
                self._queue_read_at = time.monotonic()
            return bisect.bisect_left(self._queue, job.id)

    def list(self, user: str, *, limit: int = 100, before: str = "") -> Jobs:
        """Newest first, read consistently."""
        items = self._query(
            "pk = :pk AND sk BETWEEN :first AND :last",
            {":pk": f"user#{user}", ":first": "job#", ":last": f"job#{before or '~'}"},
            limit=limit + 1,
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return [*islice((job for job in _readable(items) if job.id != before), limit)]

    def list_all(self, *, limit: int = 100, before: str = "") -> Jobs:
        """All users' jobs, newest first, from an index that may lag behind."""
        items = self._index("everyone", "jobs", before=before, limit=limit, ScanIndexForward=False)
        return [*islice(_readable(items), limit)]

    # -- write --------------------------------------------------------------------------------------------------------

    def create(self, job: Job, *, most_jobs: int = UNLIMITED, most_unfinished: int = UNLIMITED) -> tuple[Job, bool]:
        """Insert job, fingerprint and tally in one transaction; or return the user's job with the same fingerprint and
        False."""
        absent = {"ConditionExpression": "attribute_not_exists(pk)"}
        print_item = {**_key(job.user, f"print#{job.fingerprint}"), "job": {"S": job.id}}
        room = "attribute_not_exists(pk) OR (count_all < :most_jobs AND count_unfinished < :most_unfinished)"
        tally = self._tally(job.user, 1, 1)
        tally["Update"] |= {"ConditionExpression": room}
        tally["Update"]["ExpressionAttributeValues"] |= {
            ":most_jobs": _number(most_jobs),
            ":most_unfinished": _number(most_unfinished),
        }
        while True:
            reasons = self._write([self._put(print_item, **absent), self._put(_item(job), **absent), tally])
            if not reasons:
                return job, True
            if reasons[0] == _REFUSED:
                same = self.find(job.user, job.fingerprint)
                if same is not None:
                    return same, same.id == job.id  # ours if the response to an earlier attempt was lost
                self._forget_print(job.user, job.fingerprint)
                continue  # its job was just deleted, or deleted by hand
            raise id_taken() if reasons[1] == _REFUSED else over_limit()

    def claim(self, user: str, job_id: str, *, at_most: int, **changes: object) -> Job | None:
        """Move a queued job to RUNNING; None when `at_most` are running already."""
        while True:
            job = self.get(user, job_id)
            check_move(job, JobState.RUNNING, [JobState.QUEUED])
            after = changed(job, changes, JobState.RUNNING)
            reasons = self._write(self._operations(job, after, at_most))
            if not reasons:
                return after
            if reasons[0] != _REFUSED:
                self._forget_lost()
                return None

    def move(
        self,
        user: str,
        job_id: str,
        to: JobState,
        *,
        expect: Iterable[JobState] | None = None,
        if_version: int | None = None,
        **changes: object,
    ) -> Job:
        """Move along TRANSITIONS; reads and tries again while other processes write."""
        expected = None if expect is None else frozenset(expect)
        while True:
            job = self.get(user, job_id)
            check_version(job, if_version)
            check_move(job, to, expected)
            after = changed(job, changes, to)
            if not self._write(self._operations(job, after)):
                return after

    def update(self, user: str, job_id: str, *, if_version: int | None = None, **changes: object) -> Job:
        """Set fields other than those that identify a job and its state."""
        while True:
            job = self.get(user, job_id)
            check_version(job, if_version)
            after = changed(job, changes)
            if not self._write(self._operations(job, after)):
                return after

    def delete(self, user: str, job_id: str, *, if_version: int | None = None) -> None:
        """Delete a finished job and its fingerprint; leaves a note that expires by time to live."""
        while True:
            job = self.get(user, job_id)
            check_version(job, if_version)
            check_finished(job)
            note = {
                **_key(user, f"deleted#{job_id}"),
                "state": {"S": str(job.state)},
                "created_at": {"S": job.created_at},
                "deleted_at": {"S": now()},
                TTL_ATTRIBUTE: _number(int(time.time()) + KEPT_AFTER_DELETION_SECONDS),
            }
            operations = [
                {"Delete": {**self._at(_key(user, f"job#{job_id}")), **_as_read(job)}},
                {"Delete": self._at(_key(user, f"print#{job.fingerprint}"))},
                self._tally(user, -1, 0),
                self._put(note),
            ]
            if not self._write(operations):
                return

    # -- requests -----------------------------------------------------------------------------------------------------

    def _item(self, key: dict[str, Any]) -> dict[str, Any] | None:
        with aws.translate_errors("dynamodb"):
            response = self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        item: dict[str, Any] | None = response.get("Item")
        return item

    def _index(
        self, name: str, value: str, *, before: str = "", limit: int = UNLIMITED, **more: Any
    ) -> Iterator[dict[str, Any]]:
        """Items of an index; `before`: only those with smaller ids."""
        condition, values = f"{name} = :value", {":value": value}
        if before:
            condition, values = f"{condition} AND id < :before", {**values, ":before": before}
        return self._query(condition, values, limit=limit, IndexName=name, **more)

    def _query(
        self, condition: str, values: dict[str, str], *, limit: int = UNLIMITED, **more: Any
    ) -> Iterator[dict[str, Any]]:
        """Items, page by page; `limit` only sets the size of the pages."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {name: {"S": value} for name, value in values.items()},
            "Limit": min(limit, _PAGE),
            **more,
        }
        while True:
            with aws.translate_errors("dynamodb"):
                response = self._client.query(**request)
            yield from response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def _write(self, operations: Operations) -> Reasons:
        """Do all operations and return [], or none and return each operation's reason.

        A repetition after a lost response has no effect (botocore sends an idempotency token). TransientError when
        other transactions or DynamoDB's limits block the write for too long.
        """
        reasons: Reasons = []
        for pause in _PAUSES:
            with aws.translate_errors("dynamodb"):
                try:
                    self._client.transact_write_items(TransactItems=operations)
                    return []
                except ClientError as error:
                    if aws.error_code(error) != "TransactionCanceledException":
                        raise
                    reasons = [reason.get("Code", "") for reason in error.response.get("CancellationReasons", [])]
            if _REFUSED in reasons:
                return reasons
            if not _BUSY & set(reasons):
                break
            time.sleep(random.uniform(pause / 2, pause))
        raise TransientError(
            "The job table cannot be written to; try again.",
            code="aws-failed",
            details={"service": "dynamodb", "aws_code": ", ".join(sorted(set(reasons)))},
        )

    def _operations(self, before: Job, after: Job, at_most: int | None = None) -> Operations:
        """The operations of a write to a job: its row, and the counts that its change of state affects."""
        operations = [self._put(_item(after), **_as_read(before))]
        was, is_now = before.state in LIVE, after.state in LIVE
        if was != is_now:
            member = {":job": {"SS": [f"{after.user}/{after.id}"]}}
            change: dict[str, Any] = {
                **self._at(_LIVE_KEY),
                "UpdateExpression": f"{'ADD' if is_now else 'DELETE'} jobs :job",
                "ExpressionAttributeValues": member,
            }
            if at_most is not None:
                change["ConditionExpression"] = "attribute_not_exists(jobs) OR size(jobs) < :at_most"
                change["ExpressionAttributeValues"] = {**member, ":at_most": _number(at_most)}
            operations.append({"Update": change})
        unfinished = (after.state in UNFINISHED) - (before.state in UNFINISHED)
        if unfinished:
            operations.append(self._tally(after.user, 0, unfinished))
        return operations

    def _tally(self, user: str, jobs: int, unfinished: int) -> dict[str, Any]:
        """An operation that adds to a user's counts."""
        return {
            "Update": {
                **self._at(_key(user, "tally")),
                "UpdateExpression": "ADD count_all :jobs, count_unfinished :unfinished",
                "ExpressionAttributeValues": {":jobs": _number(jobs), ":unfinished": _number(unfinished)},
            }
        }

    def _forget_lost(self) -> None:
        """Remove jobs from the live set whose rows were deleted by hand; ids are never reused."""
        for member in (self._item(_LIVE_KEY) or {}).get("jobs", {"SS": []})["SS"]:
            user, _, job_id = member.rpartition("/")
            if self._item(_key(user, f"job#{job_id}")) is None:
                with aws.translate_errors("dynamodb"):
                    self._client.update_item(
                        **self._at(_LIVE_KEY),
                        UpdateExpression="DELETE jobs :job",
                        ExpressionAttributeValues={":job": {"SS": [member]}},
                    )

    def _forget_print(self, user: str, fingerprint: str) -> None:
        """Delete the fingerprint of a job whose row was deleted by hand, so that its file can be submitted again."""
        key = _key(user, f"print#{fingerprint}")
        print_item = self._item(key)
        if print_item is None or self._item(_key(user, f"job#{print_item['job']['S']}")) is not None:
            return
        with contextlib.suppress(ConflictError), aws.translate_errors("dynamodb", {_REFUSED_ALONE: ConflictError("")}):
            self._client.delete_item(
                **self._at(key),
                ConditionExpression="job = :job",
                ExpressionAttributeValues={":job": print_item["job"]},
            )

    def _at(self, key: dict[str, Any]) -> dict[str, Any]:
        return {"TableName": self.name, "Key": key}

    def _put(self, item: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"Put": {"TableName": self.name, "Item": item, **more}}


def _key(user: str, sort: str) -> dict[str, Any]:
    return {"pk": {"S": f"user#{user}"}, "sk": {"S": sort}}


def _number(value: float) -> dict[str, str]:
    return {"N": str(value).removesuffix(".0")}  # as DynamoDB writes numbers


def _as_read(job: Job) -> dict[str, Any]:
    """The condition that the row has not been written since it was read."""
    return {
        "ConditionExpression": "version = :version AND #state = :state",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":version": _number(job.version), ":state": {"S": str(job.state)}},
    }


def _item(job: Job) -> dict[str, Any]:
    values = asdict(job)
    item = {name: _number(value) if name in _NUMBERS else {"S": str(value)} for name, value in values.items()}
    item |= {**_key(job.user, f"job#{job.id}"), "everyone": {"S": "jobs"}}
    if job.state in UNFINISHED:
        item["unfinished"] = {"S": str(job.state)}
    elif job.error_code == BEING_DELETED:
        item["unfinished"] = {"S": _DELETING}
    return item


def _job(item: dict[str, Any]) -> Job:
    """The row; ConfigurationError if this version cannot read it. Missing fields have the values of a new job."""
    try:
        values: dict[str, Any] = {name: next(iter(item[name].values())) for name in FIELDS if name in item}
        for name in _NUMBERS & set(values):
            values[name] = float(values[name]) if name == "seconds" else int(values[name])
        return Job(**{**values, "state": JobState(values["state"])})
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            "This job's row cannot be read; it was written by another version of ReviewLens, or by hand.",
            code="job-unreadable",
        ) from error


def _readable(items: Iterable[dict[str, Any]]) -> Iterator[Job]:
    """The jobs of a list, without rows that cannot be read."""
    for item in items:
        try:
            yield _job(item)
        except ConfigurationError:
            _log.error("a row of the job table cannot be read: %s", item["sk"]["S"])
