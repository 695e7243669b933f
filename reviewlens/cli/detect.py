"""`./run analyze FILE --detect`: what is detected in a file, without a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reviewlens.cli.choices import as_overrides
from reviewlens.contracts.detected import Detected
from reviewlens.contracts.tables import Sniffed
from reviewlens.errors import InputError
from reviewlens.model.loading import languages_read
from reviewlens.reading.detected import describe
from reviewlens.reading.sniff import sniff
from reviewlens.settings import Settings
from reviewlens.uploads.service import Overrides, read_limits


def detect_file(file: Path, choices: dict[str, Any]) -> Detected:
    """What is detected in a file with the user's choices. Errors: InputError, LimitError."""
    if not file.is_file():
        raise InputError(f"There is no file {file}.", code="no-such-file")
    settings = Settings()
    limits, languages = read_limits(settings), languages_read(settings.engine, settings.model)

    def look(overrides: Overrides) -> Sniffed:
        size = file.stat().st_size
        return sniff(lambda: file.open("rb"), file.name, size, limits, overrides.as_dict(), languages=languages)

    if not file.stat().st_size:
        raise InputError("The file is empty; choose another one.", code="empty-file")
    return describe(lambda: file.open("rb"), look(as_overrides(choices, look)), limits)
