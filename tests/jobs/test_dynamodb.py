"""The DynamoDB job table: the contract, over HTTP against the emulator, and what several processes rely on."""

from __future__ import annotations

import time

import pytest

from reviewlens import aws as reviewlens_aws
from reviewlens.errors import ConfigurationError, ConflictError, NotFoundError, TransientError
from reviewlens.jobs import dynamodb
from reviewlens.jobs.dynamodb import TTL_ATTRIBUTE, DynamoJobTable
from reviewlens.jobs.interface import Counts, JobState
from tests.jobs.contract import JobTableContract, a_job
from tests.jobs.faults import Faults, count_requests
from tests.jobs.tables import another, new_table


class TestContract(JobTableContract):
    @pytest.fixture
    def table(self, aws):
        return new_table()


@pytest.fixture
def table(aws):
    return new_table()


def meanwhile(table, act):
    """Somebody else writes once, right after the next time that this table has read a job."""
    read, acts = table.get, [act]

    def get(user, job_id):
        job = read(user, job_id)
        while acts:
            acts.pop()()
        return job

    table.get = get


def items_of(table, user="u1"):
    answer = table._client.query(
        TableName=table.name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"user#{user}"}},
    )
    return {item["sk"]["S"]: item for item in answer["Items"]}


def test_writes_of_others_in_between_are_noticed(table):
    job, _ = table.create(a_job())
    other = another(table)
    meanwhile(table, lambda: other.update("u1", job.id, rows_read=1))
    assert table.claim("u1", job.id, at_most=1).rows_read == 1
    meanwhile(table, lambda: other.update("u1", job.id, rows_read=2))
    assert table.update("u1", job.id, handle="h").rows_read == 2
    meanwhile(table, lambda: other.update("u1", job.id, rows_read=3))
    assert table.move("u1", job.id, JobState.FAILED).rows_read == 3
    meanwhile(table, lambda: other.update("u1", job.id, rows_read=4))
    table.delete("u1", job.id)
    assert table.list("u1") == []


@pytest.mark.parametrize("late", [JobState.SUCCEEDED, JobState.INTERRUPTED, JobState.CANCELLED])
def test_a_late_message_does_not_move_a_job_that_was_finished_meanwhile(table, late):
    job, _ = table.create(a_job())
    table.move("u1", job.id, JobState.RUNNING)
    other = another(table)
    meanwhile(table, lambda: other.move("u1", job.id, JobState.FAILED, error="why"))
    with pytest.raises(ConflictError):
        table.move("u1", job.id, late)
    assert (other.get("u1", job.id).state, other.get("u1", job.id).error) == (JobState.FAILED, "why")


def test_a_deleted_job_leaves_a_note_that_time_removes_and_nothing_else(table):
    job, _ = table.create(a_job(filename="private.csv", error="words"))
    table.move("u1", job.id, JobState.CANCELLED)
    table.delete("u1", job.id)
    left = items_of(table)
    assert set(left) == {"tally", f"deleted#{job.id}"}
    note = left[f"deleted#{job.id}"]
    assert "private" not in str(left)
    assert 29 < (int(note["expires_at"]["N"]) - time.time()) / 86400 <= 30
    described = table._client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    assert (described["TimeToLiveStatus"], described["AttributeName"]) == ("ENABLED", TTL_ATTRIBUTE)


def test_the_index_of_unfinished_jobs_holds_no_other(table):
    jobs = [table.create(a_job())[0] for _ in range(3)]
    table.move("u1", jobs[0].id, JobState.CANCELLED)
    table.move("u1", jobs[1].id, JobState.RUNNING)
    found = table._client.scan(TableName=table.name, IndexName="unfinished")["Items"]
    assert {(item["id"]["S"], item["unfinished"]["S"]) for item in found} == {
        (jobs[1].id, "running"),
        (jobs[2].id, "queued"),
    }


def test_long_lists_are_read_page_by_page(table, monkeypatch):
    monkeypatch.setattr(dynamodb, "_PAGE", 2)
    jobs = [table.create(a_job())[0] for _ in range(5)]
    assert table.list("u1") == jobs[::-1]
    assert table.list_all() == jobs[::-1]
    assert table.in_states([JobState.QUEUED]) == jobs
    assert table.ahead(jobs[4]) == 4


def test_a_place_in_the_queue_is_reckoned_by_a_list_that_is_read_once_a_second(table):
    jobs = [table.create(a_job())[0] for _ in range(2)]
    requests = count_requests(table._client)
    assert [table.ahead(job) for job in (*jobs, *jobs)] == [0, 1, 0, 1]
    assert requests == ["Query"]
    table._queue_read_at -= 2
    assert table.ahead(jobs[1]) == 1
    assert requests == ["Query", "Query"]


def test_rows_deleted_by_hand_do_not_take_up_room_for_ever(table):
    lost, kept, waiting = (table.create(a_job())[0] for _ in range(3))
    for job in (lost, kept):
        table.claim("u1", job.id, at_most=2)
    table._client.delete_item(TableName=table.name, Key={"pk": {"S": "user#u1"}, "sk": {"S": f"job#{lost.id}"}})
    assert table.claim("u1", waiting.id, at_most=2) is None
    assert table.claim("u1", waiting.id, at_most=2).state is JobState.RUNNING
    with pytest.raises(NotFoundError):
        table.get("u1", lost.id)


def test_a_job_whose_row_was_deleted_by_hand_can_be_submitted_again(table):
    job, _ = table.create(a_job(fingerprint="same"))
    table._client.delete_item(TableName=table.name, Key={"pk": {"S": "user#u1"}, "sk": {"S": f"job#{job.id}"}})
    assert table.find("u1", "same") is None
    again = a_job(fingerprint="same")
    faults = Faults(table._client)
    faults.break_down(20)  # it must not ask for ever
    assert table.create(again) == (again, True)
    faults.stop()
    assert table.find("u1", "same") == again


def test_the_print_of_a_job_that_was_made_this_moment_is_not_taken_for_a_lost_one(table):
    job, _ = table.create(a_job(fingerprint="same"))
    table._forget_print("u1", "same")
    assert table.find("u1", "same") == job
    item, asked = table._item, []

    def meanwhile(key):
        found = item(key)
        asked.append(key)
        if len(asked) == 2:  # the row is gone and, right after we have looked, there is another job of this print
            other = another(table)
            other.move("u1", job.id, JobState.CANCELLED)
            other.delete("u1", job.id)
            other.create(a_job(id="later", fingerprint="same"))
            return None
        return found

    table._item = meanwhile
    table._forget_print("u1", "same")
    assert table.find("u1", "same").id == "later"


def test_a_row_that_cannot_be_read_hides_no_other(table, caplog):
    first, broken, last = (table.create(a_job())[0] for _ in range(3))
    key = {"pk": {"S": "user#u1"}, "sk": {"S": f"job#{broken.id}"}}
    change = {"UpdateExpression": "SET #s = :s", "ExpressionAttributeNames": {"#s": "state"}}
    table._client.update_item(TableName=table.name, Key=key, **change, ExpressionAttributeValues={":s": {"S": "odd"}})
    assert table.in_states([JobState.QUEUED]) == [first, last]
    assert table.list("u1") == table.list_all() == [last, first]
    assert broken.id in caplog.text
    with pytest.raises(ConfigurationError) as unreadable:
        table.get("u1", broken.id)
    assert unreadable.value.code == "job-unreadable"


def test_a_row_of_an_older_version_lacks_what_is_new_and_is_read_all_the_same(table):
    job, _ = table.create(a_job())
    key = {"pk": {"S": "user#u1"}, "sk": {"S": f"job#{job.id}"}}
    table._client.update_item(TableName=table.name, Key=key, UpdateExpression="REMOVE error_code, rows_read")
    assert table.get("u1", job.id) == job


def test_no_room_that_appears_when_looked_for_is_no_error(table):
    waiting, _ = table.create(a_job())
    assert table.claim("u1", waiting.id, at_most=1) is not None
    table.move("u1", waiting.id, JobState.INTERRUPTED)
    table._forget_lost()


# -- when AWS fails ---------------------------------------------------------------------------------------------------


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(dynamodb.time, "sleep", lambda seconds: None)


def cancelled(*codes):
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return 400, body


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_is_in_the_way_for_a_while_is_waited_for(table, no_pause, code):
    faults = Faults(table._client)
    faults.answer("TransactWriteItems", *[cancelled("None", code, "None")] * 6)
    assert table.create(a_job())[1]
    assert faults.given == 6


@pytest.mark.parametrize(("code", "attempts"), [("TransactionConflict", 7), ("ValidationError", 1)])
def test_what_stays_in_the_way_is_told(table, no_pause, code, attempts):
    faults = Faults(table._client)
    faults.answer("TransactWriteItems", *[cancelled("None", code, "None")] * 20)
    with pytest.raises(TransientError) as busy:
        table.create(a_job())
    assert (busy.value.code, busy.value.details["aws_code"]) == ("aws-failed", f"None, {code}")
    assert faults.given == attempts
    faults.stop()
    assert table.list("u1") == []


def test_throttling_is_tried_again_and_then_told(aws):
    made = new_table()
    client = reviewlens_aws.client("dynamodb", retries={"mode": "standard", "total_max_attempts": 2})
    table = DynamoJobTable(made.name, client)
    faults = Faults(client)
    slow = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow down"})
    faults.answer("GetItem", slow)
    assert table.counts("u1") == Counts(0, 0)
    faults.answer("GetItem", slow, slow)
    with pytest.raises(TransientError) as throttled:
        table.counts("u1")
    assert throttled.value.details["aws_code"] == "ThrottlingException"


def test_a_lost_answer_does_not_write_twice(aws):
    made = new_table()
    client = reviewlens_aws.client("dynamodb", retries={"mode": "standard", "total_max_attempts": 2})
    table = DynamoJobTable(made.name, client)
    Faults(client).lose_answer("TransactWriteItems")
    job, created = table.create(a_job())
    assert created
    Faults(client).lose_answer("TransactWriteItems")
    assert table.claim("u1", job.id, at_most=1).version == 1
    assert (table.get("u1", job.id).version, table.counts("u1")) == (1, Counts(1, 1))


def test_a_creation_whose_answers_were_all_lost_is_known_again(table):
    job = a_job()
    table.create(job)
    assert table.create(job) == (job, True)
    assert table.counts("u1") == Counts(1, 1)


def test_a_print_that_went_away_in_between_is_no_obstacle(table):
    first, _ = table.create(a_job(fingerprint="same"))
    find = table.find

    def gone(user, fingerprint):
        table.find = find
        another(table).move("u1", first.id, JobState.CANCELLED)
        another(table).delete("u1", first.id)
        return find(user, fingerprint)

    table.find = gone
    assert table.create(a_job(fingerprint="same"))[1]


def test_a_table_that_is_not_there_is_a_matter_of_configuration(aws):
    table = DynamoJobTable("no-such-table")
    for act in (
        lambda: table.in_states([]),
        lambda: table.list("u1"),
        lambda: table.create(a_job()),
    ):
        with pytest.raises(ConfigurationError):
            act()


def test_of_an_outage_nothing_stays(aws):
    made = new_table()
    client = reviewlens_aws.client("dynamodb", retries={"mode": "standard", "total_max_attempts": 1})
    table = DynamoJobTable(made.name, client)
    job, _ = table.create(a_job())
    faults = Faults(client)
    faults.break_down()
    for act in (
        lambda: table.create(a_job()),
        lambda: table.get("u1", job.id),
        lambda: table.in_states([]),
        lambda: table.in_states([JobState.QUEUED]),
        lambda: table.list("u1"),
        lambda: table.claim("u1", job.id, at_most=1),
        lambda: table.move("u1", job.id, JobState.RUNNING),
        lambda: table.update("u1", job.id, handle="h"),
        lambda: table.delete("u1", job.id),
    ):
        with pytest.raises(TransientError) as failed:
            act()
        assert failed.value.code == "aws-unreachable"
    faults.stop()
    assert (table.get("u1", job.id), table.counts("u1")) == (job, Counts(1, 1))
