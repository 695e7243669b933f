"""What every job table must do; a test class per adapter inherits from this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from reviewlens.errors import ConflictError, LimitError, NotFoundError
from reviewlens.jobs.interface import BEING_DELETED, TRANSITIONS, UNFINISHED, Counts, Job, JobState, JobTable

_numbers = count()


def a_job(**changes: object) -> Job:
    """A queued job; ids and times rise from one call to the next."""
    number = next(_numbers)
    at = f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}.000+00:00"
    facts = {
        "id": f"{number:011x}",
        "user": "u1",
        "upload": "up1",
        "filename": "reviews.csv",
        "fingerprint": f"print {number}",
        "state": JobState.QUEUED,
        "engine": "textblob",
        "created_at": at,
        "updated_at": at,
    }
    return Job(**{**facts, **changes})


def way_to(state: JobState) -> list[JobState]:
    """States to go through from QUEUED to this one."""
    ways: dict[JobState, list[JobState]] = {JobState.QUEUED: []}
    frontier = [JobState.QUEUED]
    while frontier:
        here = frontier.pop(0)
        for there in sorted(TRANSITIONS[here]):
            if there not in ways:
                ways[there] = [*ways[here], there]
                frontier.append(there)
    return ways[state]


class JobTableContract(ABC):
    """Adapters give an empty `table`."""

    @pytest.fixture
    @abstractmethod
    def table(self) -> JobTable: ...

    def in_state(self, table: JobTable, state: JobState) -> Job:
        job, _ = table.create(a_job())
        for step in way_to(state):
            job = table.move(job.user, job.id, step)
        return job

    def test_what_was_created_can_be_read(self, table):
        job = a_job(rows_read=7, seconds=1.5, error="words", error_code="code")
        assert table.create(job) == (job, True)
        assert table.get("u1", job.id) == job

    def test_the_same_fingerprint_is_one_job_per_user(self, table):
        first = a_job(fingerprint="same")
        table.create(first)
        assert table.create(a_job(fingerprint="same")) == (first, False)
        other = a_job(user="u2", fingerprint="same")
        assert table.create(other) == (other, True)

    def test_a_job_is_found_by_its_fingerprint(self, table):
        job, _ = table.create(a_job(fingerprint="some"))
        assert table.find("u1", "some") == job
        assert table.find("u1", "other") is None
        assert table.find("u2", "some") is None

    def test_jobs_are_counted_as_they_come_and_go(self, table):
        assert table.counts("u1") == Counts(0, 0)
        first, _ = table.create(a_job(fingerprint="same"))
        table.create(a_job(fingerprint="same"))
        table.create(a_job())
        table.create(a_job(user="u2"))
        assert table.counts("u1") == Counts(2, 2)
        table.move("u1", first.id, JobState.RUNNING)
        assert table.counts("u1") == Counts(2, 2)
        table.move("u1", first.id, JobState.FAILED)
        assert table.counts("u1") == Counts(2, 1)
        table.move("u1", first.id, JobState.QUEUED)
        assert table.counts("u1") == Counts(2, 2)
        table.move("u1", first.id, JobState.CANCELLED)
        table.delete("u1", first.id)
        assert table.counts("u1") == Counts(1, 1)

    def test_a_user_has_no_more_jobs_than_allowed(self, table):
        limits = {"most_jobs": 3, "most_unfinished": 2}
        one, _ = table.create(a_job(fingerprint="one"), **limits)
        table.create(a_job(), **limits)
        with pytest.raises(LimitError):
            table.create(a_job(), **limits)
        assert table.create(a_job(fingerprint="one"), **limits) == (one, False)
        table.create(a_job(user="u2"), **limits)
        table.move("u1", one.id, JobState.CANCELLED)
        two, _ = table.create(a_job(), **limits)
        table.move("u1", two.id, JobState.CANCELLED)
        with pytest.raises(LimitError):
            table.create(a_job(), **limits)
        assert table.counts("u1") == Counts(3, 1)

    def test_of_many_created_at_once_no_more_than_allowed_are(self, table):
        def attempt(_: int) -> bool:
            try:
                return table.create(a_job(), most_unfinished=3)[1]
            except LimitError:
                return False

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(attempt, range(16))) == 3
        assert table.counts("u1") == Counts(3, 3)
        assert len(table.list("u1")) == 3

    def test_of_many_alike_created_at_once_there_is_one(self, table):
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: table.create(a_job(fingerprint="same")), range(16)))
        assert [created for _, created in answers].count(True) == 1
        assert len({job.id for job, _ in answers}) == 1
        assert len(table.list("u1")) == 1

    def test_an_id_is_given_once(self, table):
        job = a_job()
        table.create(job)
        with pytest.raises(ConflictError):
            table.create(a_job(id=job.id))

    def test_another_users_job_does_not_exist(self, table):
        job, _ = table.create(a_job(user="u1"))
        for act in (
            lambda: table.get("u2", job.id),
            lambda: table.move("u2", job.id, JobState.RUNNING),
            lambda: table.update("u2", job.id, handle="mine"),
            lambda: table.delete("u2", job.id),
        ):
            with pytest.raises(NotFoundError):
                act()
        assert table.list("u2") == []
        assert table.get("u1", job.id) == job

    def test_lists_are_newest_first_and_paged_by_a_cursor(self, table):
        jobs = [table.create(a_job())[0] for _ in range(5)]
        table.create(a_job(user="u2"))
        newest_first = jobs[::-1]
        assert table.list("u1") == newest_first
        assert table.list("u1", limit=2) == newest_first[:2]
        assert table.list("u1", limit=2, before=newest_first[1].id) == newest_first[2:4]
        assert table.list("u1", before=newest_first[-1].id) == []

    def test_everybodys_jobs_are_newest_first_and_paged_by_a_cursor(self, table):
        jobs = [table.create(a_job(user=user))[0] for user in ("u1", "u2", "u1", "u3")]
        newest_first = jobs[::-1]
        assert table.list_all() == newest_first
        assert table.list_all(limit=2) == newest_first[:2]
        assert table.list_all(limit=2, before=newest_first[1].id) == newest_first[2:4]
        assert table.list_all(before=newest_first[-1].id) == []
        table.move("u1", jobs[0].id, JobState.CANCELLED)
        table.delete("u1", jobs[0].id)
        assert [job.id for job in table.list_all()] == [job.id for job in newest_first[:3]]

    def test_a_cursor_holds_when_its_job_is_deleted(self, table):
        old, middle, new = (self.in_state(table, JobState.CANCELLED) for _ in range(3))
        table.delete("u1", middle.id)
        assert [job.id for job in table.list("u1", before=middle.id)] == [old.id]
        assert [job.id for job in table.list("u1")] == [new.id, old.id]

    def test_jobs_by_state_are_everybodys_oldest_first(self, table):
        one, _ = table.create(a_job(user="u2"))
        two, _ = table.create(a_job(user="u1"))
        running = self.in_state(table, JobState.RUNNING)
        assert [job.id for job in table.in_states([JobState.QUEUED])] == [one.id, two.id]
        assert [job.id for job in table.in_states([JobState.QUEUED, JobState.RUNNING])] == [one.id, two.id, running.id]
        assert [job.id for job in table.in_states([JobState.QUEUED, JobState.RUNNING], limit=2)] == [one.id, two.id]
        assert table.in_states([]) == []

    def test_finished_jobs_are_not_listed_by_state(self, table):
        with pytest.raises(ValueError, match="finished"):
            table.in_states([JobState.QUEUED, JobState.SUCCEEDED])

    def test_jobs_whose_deletion_has_begun_are_listed_everybodys_oldest_first(self, table):
        one, other, kept = (self.in_state(table, state) for state in ("succeeded", "failed", "cancelled"))
        strange = table.create(a_job(user="u2"))[0]
        table.move("u2", strange.id, JobState.CANCELLED)
        assert table.being_deleted() == []
        for user, job in (("u2", strange), ("u1", other), ("u1", one)):
            table.update(user, job.id, error_code=BEING_DELETED)
        assert [job.id for job in table.being_deleted()] == [one.id, other.id, strange.id]
        assert table.in_states(UNFINISHED) == []
        assert table.get("u1", one.id) == table.being_deleted()[0]
        table.delete("u1", one.id)
        assert [job.id for job in table.being_deleted()] == [other.id, strange.id]
        assert table.get("u1", kept.id).state is JobState.CANCELLED

    def test_those_ahead_are_everybodys_that_wait(self, table):
        running = self.in_state(table, JobState.RUNNING)
        first, _ = table.create(a_job(user="u2"))
        second, _ = table.create(a_job())
        assert (table.ahead(second), table.ahead(first), table.ahead(running)) == (1, 0, 0)

    def test_a_claim_is_had_once_and_while_there_is_room(self, table):
        first, second, third = (table.create(a_job())[0] for _ in range(3))
        claimed = table.claim("u1", first.id, at_most=2, handle="claim:1", attempts=1)
        assert (claimed.state, claimed.handle, claimed.attempts) == (JobState.RUNNING, "claim:1", 1)
        assert table.get("u1", first.id) == claimed
        with pytest.raises(ConflictError):
            table.claim("u1", first.id, at_most=2, handle="claim:2")
        assert table.claim("u1", second.id, at_most=2, handle="claim:3").state is JobState.RUNNING
        table.move("u1", second.id, JobState.CANCELLING)
        assert table.claim("u1", third.id, at_most=2, handle="claim:4") is None
        assert table.get("u1", third.id) == third
        table.move("u1", first.id, JobState.INTERRUPTED)
        assert table.claim("u1", third.id, at_most=2, handle="claim:5").handle == "claim:5"

    def test_of_many_claims_at_once_as_many_succeed_as_there_is_room_for(self, table):
        jobs = [table.create(a_job())[0] for _ in range(6)]

        def attempt(number: int) -> bool:
            try:
                return table.claim("u1", jobs[number % 6].id, at_most=2) is not None
            except ConflictError:
                return False

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(attempt, range(18))) == 2
        assert len(table.in_states([JobState.RUNNING])) == 2

    @pytest.mark.parametrize("here", JobState)
    @pytest.mark.parametrize("there", JobState)
    def test_states_move_along_the_transitions_only(self, table, here, there):
        job = self.in_state(table, here)
        if there in TRANSITIONS[here]:
            moved = table.move("u1", job.id, there, error="why", attempts=3)
            assert (moved.state, moved.error, moved.attempts) == (there, "why", 3)
            assert moved.version == job.version + 1
            assert table.get("u1", job.id) == moved
        else:
            with pytest.raises(ConflictError):
                table.move("u1", job.id, there, error="why")
            assert table.get("u1", job.id) == job

    def test_a_move_may_name_the_states_it_expects(self, table):
        job, _ = table.create(a_job())
        with pytest.raises(ConflictError):
            table.move("u1", job.id, JobState.CANCELLED, expect=[JobState.RUNNING, JobState.INTERRUPTED])
        assert table.move("u1", job.id, JobState.CANCELLED, expect=[JobState.QUEUED]).state is JobState.CANCELLED

    def test_a_write_may_name_the_version_it_expects(self, table):
        job = self.in_state(table, JobState.FAILED)
        for act in (
            lambda: table.move("u1", job.id, JobState.QUEUED, if_version=job.version - 1),
            lambda: table.update("u1", job.id, if_version=job.version + 1, handle="h"),
            lambda: table.delete("u1", job.id, if_version=job.version - 1),
        ):
            with pytest.raises(ConflictError) as changed:
                act()
            assert changed.value.code == "job-state"
        assert table.get("u1", job.id) == job
        job = table.update("u1", job.id, if_version=job.version, handle="h")
        job = table.move("u1", job.id, JobState.QUEUED, if_version=job.version)
        job = table.move("u1", job.id, JobState.CANCELLED, if_version=job.version)
        table.delete("u1", job.id, if_version=job.version)
        assert table.list("u1") == []

    def test_of_many_at_once_one_moves(self, table):
        job, _ = table.create(a_job())

        def attempt(_: int) -> bool:
            try:
                table.move("u1", job.id, JobState.RUNNING, expect=[JobState.QUEUED])
            except ConflictError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(attempt, range(24))) == 1

    def test_updates_set_fields_and_count(self, table):
        job, _ = table.create(a_job())
        updated = table.update("u1", job.id, handle="h", rows_read=5)
        assert (updated.handle, updated.rows_read, updated.version) == ("h", 5, 1)
        assert updated.updated_at > job.updated_at

    @pytest.mark.parametrize("field", ["id", "user", "state", "version", "created_at", "fingerprint", "no_such_field"])
    def test_what_identifies_a_job_cannot_be_set(self, table, field):
        job, _ = table.create(a_job())
        with pytest.raises(TypeError):
            table.update("u1", job.id, **({field: "x"} if field != "user" else {"updated_at": "x"}))
        assert table.get("u1", job.id) == job

    @pytest.mark.parametrize("state", JobState)
    def test_only_finished_jobs_are_deleted(self, table, state):
        job = self.in_state(table, state)
        if state in UNFINISHED:
            with pytest.raises(ConflictError):
                table.delete("u1", job.id)
            assert table.get("u1", job.id) == job
        else:
            table.delete("u1", job.id)
            with pytest.raises(NotFoundError):
                table.get("u1", job.id)

    def test_a_deleted_jobs_fingerprint_is_free_again(self, table):
        job, _ = table.create(a_job(fingerprint="same"))
        table.move("u1", job.id, JobState.CANCELLED)
        table.delete("u1", job.id)
        assert table.create(a_job(fingerprint="same"))[1] is True

    @pytest.mark.parametrize("text", ["'; DROP TABLE jobs; --", "naïve 😀 名前", "%_*", ""])
    def test_texts_are_kept_as_they_are(self, table, text):
        job, _ = table.create(a_job(filename=text))
        table.update("u1", job.id, error=text)
        assert (table.get("u1", job.id).filename, table.get("u1", job.id).error) == (text, text)
