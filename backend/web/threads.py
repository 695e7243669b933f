"""Threads for blocking calls, counted apart, so that no kind of work waits behind another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Threads:
    """How many threads each kind of work may use. Routes without `async` have 40 others."""

    most_uploads = 64

    def __init__(self) -> None:
        self.tokens = CapacityLimiter(16)
        """To verify access tokens, which may need a request to a remote user pool."""
        self.logins = CapacityLimiter(16)
        """To log in and out, and to refresh: passwords are hashed, and users read from a database or pool."""
        self.health = CapacityLimiter(2)
        """To check the store, the job table and the model."""
        self.uploads = CapacityLimiter(self.most_uploads)
        """To store uploads while they arrive. A thread waits as long as its client takes."""


async def in_thread(
    limiter: CapacityLimiter,
    function: Callable[Parameters, Result],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Result:
    """The result of a blocking call, in one of the limiter's threads."""
    return await to_thread.run_sync(partial(function, *args, **kwargs), limiter=limiter)
