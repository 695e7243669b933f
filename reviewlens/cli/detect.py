"""`./run analyze FILE --detect`: what is detected in a file, without a job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from reviewlens.cli.choices import as_overrides
from reviewlens.contracts.detected import Detected
from reviewlens.contracts.tables import Sniffed
from reviewlens.errors import InputError
from reviewlens.model.loading import languages_read
from reviewlens.reading.sandboxed import SandboxedReading, new_sandbox
from reviewlens.settings import Settings
from reviewlens.uploads.service import Overrides, read_limits


def detect_file(file: Path, choices: dict[str, Any]) -> Detected:
    """What is detected in a file with the user's choices. Errors: InputError, LimitError."""
    if not file.is_file():
        raise InputError(f"There is no file {file}.", code="no-such-file")
    if not file.stat().st_size:
        raise InputError("The file is empty; choose another one.", code="empty-file")
    settings = Settings()
    limits = read_limits(settings)

    @contextmanager
    def source() -> Iterator[Path]:
        yield file

    with closing(new_sandbox(settings, size=1)) as sandbox:
        reading = SandboxedReading(sandbox, settings, partial(languages_read, settings.engine, settings.model))

        def look(overrides: Overrides) -> Sniffed:
            return reading.sniff(source, file.name, file.stat().st_size, limits, overrides.as_dict())

        return reading.describe(source, look(as_overrides(choices, look)), limits)
