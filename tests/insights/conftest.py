"""Results to ask: a story in 2,000 rows, written once, and a way to open any other folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from reviewlens.contracts.summary import Summary
from reviewlens.insights.results import Results
from tests.insights.make_results import Band, make_results, write_results


def open_folder(folder: Path) -> Results:
    """The results in a folder that make_results wrote."""
    summary = Summary.model_validate_json((folder / "inference_summary.json").read_bytes())
    return Results(folder / "served.parquet", summary, folder / "rejected.csv")


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return open_folder(make_results(tmp_path_factory.mktemp("story") / "job", 2000))


@pytest.fixture
def results_of(tmp_path: Path) -> Callable[..., Results]:
    def make(
        rows: Sequence[dict[str, Any]],
        rejected: Sequence[tuple[int, str, str, str]] = (),
        parts: int = 1,
        band: Band = None,
        segments: Sequence[str] = (),
    ) -> Results:
        return open_folder(write_results(tmp_path / "made", rows, rejected, parts=parts, band=band, segments=segments))

    return make
