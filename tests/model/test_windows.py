"""Windows over long texts, and batches by length."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reviewlens.model.batching import length_buckets, padded_length
from reviewlens.model.encoder import WINDOW_OVERLAP, ends, windows


@given(tokens=st.integers(0, 20_000), room=st.integers(130, 510))
def test_windows_leave_nothing_out(tokens: int, room: int) -> None:
    found = windows(tokens, room)
    assert found[0][0] == 0
    assert found[-1][1] == tokens
    assert all(end - start <= room for start, end in found)
    assert len({end - start for start, end in found}) == 1
    for (_, end), (start, _) in pairwise(found):
        # Starting points are rounded to whole tokens, which may take one from an overlap.
        assert end - start >= WINDOW_OVERLAP - 1


def test_one_window_when_it_fits() -> None:
    assert windows(254, 254) == [(0, 254)]
    assert windows(255, 254) == [(0, 160), (95, 255)]


@given(tokens=st.integers(0, 600), room=st.integers(14, 300))
def test_ends_are_the_first_and_last_tokens_in_order(tokens: int, room: int) -> None:
    ids = list(range(tokens))
    found = ends(ids, room)
    assert len(found) == min(tokens, room)
    if tokens > room:
        head = room - room // 2
        assert found[:head] == ids[:head]
        assert found[head:] == ids[-(room // 2) :]


@given(st.lists(st.integers(1, 300), max_size=300))
def test_buckets_hold_every_text_once_within_bounds(tokens: list[int]) -> None:
    lengths = [padded_length(count) for count in tokens]
    seen: list[int] = []
    for width, chosen in length_buckets(lengths):
        assert width % 16 == 0
        assert all(lengths[index] == width for index in chosen), "padding depends on the text alone"
        assert len(chosen) <= 64
        assert len(chosen) == 1 or len(chosen) * width <= 2048
        seen += chosen
    assert sorted(seen) == list(range(len(tokens)))
