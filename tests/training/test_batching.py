"""Training batches under a token budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewlens.model.batching import padded_length
from reviewlens.training.batching import TokenBudgetBatches


@given(lengths=st.lists(st.integers(1, 192), min_size=1, max_size=400), epoch=st.integers(0, 3))
def test_training_batches_hold_every_text_once_within_the_budget(lengths: list[int], epoch: int) -> None:
    batches = TokenBudgetBatches(lengths, max_tokens=1024, seed=3)
    batches.set_epoch(epoch)
    made = list(batches)
    assert sorted(index for batch in made for index in batch) == list(range(len(lengths)))
    assert len(batches) == len(made)
    for batch in made:
        assert len(batch) == 1 or len(batch) * padded_length(max(lengths[i] for i in batch), 8) <= 1024


def test_training_batches_repeat_for_a_seed_and_change_with_the_epoch() -> None:
    lengths = [length % 90 + 4 for length in range(500)]
    first, again, other = (TokenBudgetBatches(lengths, max_tokens=1024, seed=seed) for seed in (1, 1, 2))
    assert list(first) == list(again)
    assert list(first) != list(other)
    before = list(first)
    first.set_epoch(1)
    assert list(first) != before
