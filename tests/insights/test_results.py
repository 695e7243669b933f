"""Opening a job's outputs from a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import NotFoundError
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.models import Filters
from reviewlens.insights.results import open_results
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
