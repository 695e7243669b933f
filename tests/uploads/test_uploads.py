"""Uploads: streamed, capped, hashed, looked into, and gone without a trace when something is wrong."""

from __future__ import annotations

import hashlib
import time
from datetime import date

import pytest

from reviewlens.contracts.keys import UploadKeys
from reviewlens.errors import InputError, LimitError, NotFoundError
from reviewlens.settings import Settings
from reviewlens.uploads.service import Overrides, clean_filename, read_limits
from tests.jobs.conftest import CSV, CsvReading


def test_an_upload_is_kept_as_it_came_and_described(harness):
    upload = harness.uploads.receive("u1", "reviews.csv", [CSV[:5], CSV[5:]])
    keys = UploadKeys("u1", upload.upload_id)
    assert harness.store.get(keys.original) == CSV
    assert (upload.size_bytes, upload.sha256) == (len(CSV), hashlib.sha256(CSV).hexdigest())
    assert [column.name for column in upload.sniffed.columns] == ["Text", "Stars"]
    assert harness.uploads.get("u1", upload.upload_id) == upload


def test_another_users_upload_does_not_exist(harness):
    upload = harness.upload("u1")
    for act in (
        lambda: harness.uploads.get("u2", upload),
        lambda: harness.uploads.correct("u2", upload, Overrides()),
        lambda: harness.service.delete_upload("u2", upload),
        lambda: harness.service.submit("u2", upload),
        lambda: harness.uploads.get("u1", "../u1"),
    ):
        with pytest.raises(NotFoundError):
            act()


@pytest.mark.parametrize(("size", "fits"), [(999, True), (1000, True), (1001, False)])
def test_the_size_is_capped_while_it_streams(harness, size, fits):
    taken = []

    def chunks():
        for place in range(0, 5000, 100):
            taken.append(place)
            yield b"x" * min(100, size - place) if place < size else b""

    if fits:
        assert harness.uploads.receive("u1", "a.csv", chunks()).size_bytes == size
    else:
        with pytest.raises(LimitError) as large:
            harness.uploads.receive("u1", "a.csv", chunks())
        assert large.value.code == "upload-too-large"
        assert len(taken) == 11
        assert harness.stored() == []


def test_an_endless_upload_is_cut_off(harness):
    def endless():
        while True:
            yield b"x" * 300

    with pytest.raises(LimitError):
        harness.uploads.receive("u1", "a.csv", endless())
    assert harness.stored() == []


def test_a_broken_upload_leaves_nothing(harness):
    def broken():
        yield b"abc"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        harness.uploads.receive("u1", "a.csv", broken())
    assert harness.stored() == []


@pytest.mark.parametrize(("content", "code"), [(b"", "empty-file"), (b"a\x00b", "not-text")])
def test_what_cannot_be_read_leaves_nothing(harness, content, code):
    with pytest.raises(InputError) as refused:
        harness.uploads.receive("u1", "a.csv", [content])
    assert refused.value.code == code
    assert harness.stored() == []


def test_corrections_are_kept_and_replace_earlier_ones(harness):
    upload = harness.upload()
    corrected = harness.uploads.correct("u1", upload, Overrides(mapping={"text": 1}))
    assert corrected.sniffed.mapping.text == 1
    assert harness.uploads.get("u1", upload) == corrected
    assert harness.uploads.with_overrides("u1", upload, Overrides(mapping={"text": 1})) == corrected
    again = harness.uploads.correct("u1", upload, Overrides(dialect={"delimiter": ";"}))
    assert (again.sniffed.mapping.text, again.sniffed.dialect.delimiter) == (0, ";")
    assert harness.uploads.correct("u1", upload, Overrides()).sniffed == harness.uploads.get("u1", upload).sniffed
    assert harness.uploads.get("u1", upload).overrides.as_dict() is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("reviews.csv", "reviews.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\my reviews.csv", "my reviews.csv"),
        ("名前.csv", "名前.csv"),
        ("a\x00b\n\u202ec.csv", "abc.csv"),
        ("", "upload"),
        ("dir/", "upload"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
    ],
)
def test_file_names_are_only_shown(given, shown):
    assert clean_filename(given) == shown


def test_reading_limits_are_those_of_the_settings():
    limits = read_limits(Settings(max_rows=7, max_columns=3))
    assert (limits.max_rows, limits.max_columns) == (7, 3)


def test_what_a_killed_backend_left_of_an_upload_is_swept(harness):
    whole = harness.upload()
    harness.store.put("uploads/u1/broken/original", b"half of")
    assert harness.uploads.sweep() == 0  # it may be coming in just now, through another backend
    tomorrow = time.time() + 24 * 3600 + 60
    assert harness.uploads.sweep(at=tomorrow) == 1
    assert harness.uploads.sweep(at=tomorrow) == 0
    assert [key for key in harness.stored() if "broken" in key] == []
    assert harness.uploads.get("u1", whole)


def test_a_correction_does_not_bring_a_deleted_upload_back(harness, monkeypatch):
    upload, look = harness.upload(), harness.uploads._look

    def slow(*arguments):
        found = look(*arguments)
        harness.uploads.delete("u1", upload)
        return found

    monkeypatch.setattr(harness.uploads, "_look", slow)
    with pytest.raises(NotFoundError):
        harness.uploads.correct("u1", upload, Overrides(mapping={"text": 1}))
    assert harness.stored() == []


def test_the_later_of_two_corrections_counts(harness, monkeypatch):
    upload, look = harness.upload(), harness.uploads._look

    def meanwhile(*arguments):
        monkeypatch.setattr(harness.uploads, "_look", look)
        harness.uploads.correct("u1", upload, Overrides(mapping={"rating": 1}))
        return look(*arguments)

    monkeypatch.setattr(harness.uploads, "_look", meanwhile)
    harness.uploads.correct("u1", upload, Overrides(mapping={"text": 1}))
    assert harness.uploads.get("u1", upload).overrides == Overrides(mapping={"text": 1})


def test_relative_dates_count_from_the_day_of_the_upload_also_after_a_correction(harness, monkeypatch):
    days, reading = [], CsvReading()

    def recorded(*arguments, uploaded):
        days.append(uploaded)
        return CsvReading.sniff(*arguments)

    monkeypatch.setattr(reading, "sniff", recorded)
    monkeypatch.setattr(harness.uploads, "_reading", reading)
    monkeypatch.setattr("reviewlens.uploads.service.now", lambda: "2024-03-15T23:59:59.000+00:00")
    upload = harness.upload()
    monkeypatch.setattr("reviewlens.uploads.service.now", lambda: "2024-03-20T00:00:00.000+00:00")
    harness.uploads.correct("u1", upload, Overrides(mapping={"text": 1}))
    assert days == [date(2024, 3, 15)] * 2
