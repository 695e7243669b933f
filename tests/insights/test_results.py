"""Opening a job's outputs from a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import NotFoundError, TerminalError
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.models import Filters
from reviewlens.insights.results import open_results, reading_results
from reviewlens.storage.local import LocalObjectStore
from tests.insights.make_results import make_results


def test_opened_from_a_store(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    folder = make_results(tmp_path / "job", 60, parts=2)
    prefix = JobKeys("user", "job").output_prefix
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put(prefix + path.relative_to(folder).as_posix(), path.read_bytes())
    results = open_results(store, "user", "job", tmp_path / "cache")
    assert build_dashboard(results, Filters()).counts.shown == 60
    assert results.served_columns[-2:] == ["language", "not_judged"] and results.original_columns[0] == "Text"
    assert results.summary.rows_read == 63


def test_a_job_without_a_summary_has_no_results(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    with pytest.raises(NotFoundError, match="has not finished") as caught:
        open_results(store, "user", "job", tmp_path / "cache")
    assert caught.value.code == "no-results"


def _stored(tmp_path: Path) -> LocalObjectStore:
    store = LocalObjectStore(tmp_path / "objects")
    folder = make_results(tmp_path / "job", 60, parts=2)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = JobKeys("user", "job").output_prefix + path.relative_to(folder).as_posix()
            store.put(key, path.read_bytes())
    return store


@pytest.mark.parametrize("content", [b"", b"{}", b'{"rows_read": ', b"\xff\xfe"])
def test_a_damaged_summary_names_its_job(tmp_path: Path, content: bytes) -> None:
    store = _stored(tmp_path)
    store.put(JobKeys("user", "job").summary, content)
    with pytest.raises(TerminalError, match="job job are damaged") as caught:
        open_results(store, "user", "job", tmp_path / "cache")
    assert (caught.value.code, caught.value.details) == ("results-damaged", {"job_id": "job"})


def test_a_damaged_parquet_file_names_its_job(tmp_path: Path) -> None:
    store = _stored(tmp_path)
    part = min(info.key for info in store.list(JobKeys("user", "job").served_parquet))
    content = store.get(part)
    for damaged in (content[: len(content) // 2], b"", bytes(200)):
        store.put(part, damaged)
        with pytest.raises(TerminalError) as caught:
            open_results(store, "user", "job", tmp_path / "cache")
        assert caught.value.code == "results-damaged"
    store.put(part, content[:4] + b"\xff" * 2000 + content[2004:])  # the footer is whole, the pages are not
    results = open_results(store, "user", "job", tmp_path / "cache")
    with pytest.raises(TerminalError) as caught, reading_results("job"):
        build_dashboard(results, Filters())
    assert caught.value.code == "results-damaged"
