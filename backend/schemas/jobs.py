"""Jobs."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backend.schemas.common import Body, Id
from reviewlens.model.engines import ENGINE_CHOICES
from reviewlens.uploads.service import Overrides


class Submission(Body):
    """The upload to analyse; without dialect and mapping, they are as detected or as last corrected."""

    upload_id: Id = Field(examples=["019a8c5e1f20123456789abcdef"])
    dialect: dict[str, Any] | None = Field(None, examples=[None])
    mapping: dict[str, Any] | None = Field(None, examples=[{"text": 4}])
    engine: str = Field(
        "",
        max_length=40,
        description=f"{ENGINE_CHOICES}; empty: the engine in the settings.",
    )

    def overrides(self) -> Overrides | None:
        """None when the request corrects nothing."""
        if self.dialect is None and self.mapping is None:
            return None
        return Overrides(dialect=self.dialect or {}, mapping=self.mapping or {})
