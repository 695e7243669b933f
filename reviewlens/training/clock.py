"""Training within a time limit: the time used, the learning rate that follows from it, and when to stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback


class Clock:
    """Minutes of training so far, including those before restarts; stored in a file beside the checkpoints."""

    def __init__(self, max_minutes: float | None, file: Path) -> None:
        self.max_minutes = max_minutes
        self._file = file
        self._before = json.loads(file.read_text(encoding="utf-8"))["minutes"] if file.exists() else 0.0
        self._started = time.monotonic()

    def minutes(self) -> float:
        """Minutes of training, over all restarts."""
        return float(self._before) + (time.monotonic() - self._started) / 60

    def restart(self) -> None:
        """Count from now: time before the first step is not training."""
        self._started = time.monotonic()

    def keep(self) -> None:
        """Write the time to the file; called with every checkpoint."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({"minutes": self.minutes()}), encoding="utf-8")

    def share_used(self) -> float:
        """Share of the time limit that is used (0 to 1); 0 without a limit."""
        return min(1.0, self.minutes() / self.max_minutes) if self.max_minutes else 0.0


def time_decay(clock: Clock, total_steps: int, warmup_share: float) -> Callable[[int], float]:
    """A factor of the learning rate by step: linear warm-up, then linear decay to 0 by steps or time, whichever is
    further."""

    def factor(step: int) -> float:
        done = max(step / max(1, total_steps), clock.share_used())
        if done < warmup_share:
            return max(done / warmup_share, 1e-3)
        return max(0.0, (1.0 - done) / (1.0 - warmup_share))

    return factor


class ClockCallback(TrainerCallback):  # type: ignore[misc]
    """Evaluates and saves every few minutes, stops in time, and writes the learning curve as JSON lines."""

    def __init__(self, clock: Clock, every_minutes: float, curve: Path) -> None:
        self._clock = clock
        self._every = every_minutes
        self._curve = curve
        self._last = clock.minutes()
        self._evaluation_minutes = 0.0
        self._paused_at = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start counting at the first step."""
        self._clock.restart()
        self._last = self._clock.minutes()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Request an evaluation when it is due, and a stop when the time left is just enough for one."""
        now = self._clock.minutes()
        limit = self._clock.max_minutes
        over = limit is not None and now + self._evaluation_minutes >= limit
        if over or now - self._last >= self._every or state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True
            control.should_training_stop = over or control.should_training_stop
            self._last = self._paused_at = now
        return control

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure how long an evaluation takes."""
        if self._paused_at:
            self._evaluation_minutes = self._clock.minutes() - self._paused_at

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the time with the checkpoint."""
        self._clock.keep()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Append to the learning curve."""
        line = {"minutes": round(self._clock.minutes(), 2), "step": state.global_step, **(logs or {})}
        self._curve.parent.mkdir(parents=True, exist_ok=True)
        with self._curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
