"""Health."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """Whether the service works, and the outcome of each check: ok or an error code."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = {}
