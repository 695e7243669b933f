"""Uploads."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from backend.schemas.common import Body
from reviewlens.uploads.service import Overrides


class DirectRequest(Body):
    """A file to be sent straight to the object store: its name and its exact size."""

    filename: str = Field(min_length=1, max_length=1000, examples=["reviews.csv"])
    size_bytes: int = Field(ge=0, le=2**53, examples=[250000000])


class DirectOffer(BaseModel):
    """Whether files can be sent straight to the object store, their largest size, and a form's life in seconds."""

    offered: bool
    max_bytes: int = Field(examples=[2000000000])
    expires_in: int = Field(examples=[900])


class Corrections(Body):
    """Corrections of what was detected: some fields of `Dialect` and `Mapping`. They replace earlier corrections."""

    dialect: dict[str, Any] = Field(default={}, examples=[{"delimiter": ";"}])
    mapping: dict[str, Any] = Field(default={}, examples=[{"text": 4, "rating": 2}])

    def overrides(self) -> Overrides:
        """The same for the library."""
        return Overrides(dialect=self.dialect, mapping=self.mapping)
