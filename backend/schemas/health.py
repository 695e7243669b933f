"""Health."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """Whether it answers, and which of the things that it needs are there."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = {}
