"""The table of scoring engines; an engine is one row here and one file beside it."""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "auto"
"""Stands for `cascade` where the bundle has cheaper stages, else for `openvino`."""


@dataclass(frozen=True)
class EngineInfo:
    """One scoring engine.

    `module`, `class_name`: its class, which has a class method `open` (see `loading.load_engine`). `libraries`: the
    packages it needs, by the names that they are imported by; `requirements`: the file that installs them.
    `needs_model`: False for an engine that has no model file.
    """

    name: str
    module: str
    class_name: str
    libraries: tuple[str, ...]
    needs_model: bool = True
    requirements: str = "requirements/runtime.txt"


_OPENVINO = ("openvino", "tokenizers")
_TABLE = (
    EngineInfo("cascade", "cascade", "CascadeEngine", _OPENVINO),
    EngineInfo("openvino", "openvino", "OpenVinoEngine", _OPENVINO),
    EngineInfo("openvino-small", "openvino", "OpenVinoEngine", _OPENVINO),
    EngineInfo("openvino-bf16", "openvino", "OpenVinoEngine", _OPENVINO),
    EngineInfo("openvino-fp32", "openvino", "OpenVinoEngine", _OPENVINO),
    EngineInfo(
        "transformers",
        "transformers",
        "TransformersEngine",
        ("torch", "transformers"),
        requirements="requirements/training.txt",
    ),
    EngineInfo("textblob", "textblob", "TextBlobEngine", ("textblob",), needs_model=False),
)

BY_NAME: dict[str, EngineInfo] = {info.name: info for info in _TABLE}

ENGINES: tuple[str, ...] = (AUTO, *BY_NAME)
"""Every name that a caller may choose."""

ENGINE_CHOICES = f"{', '.join(ENGINES[:-1])} or {ENGINES[-1]}"
"""The names as one phrase, for help texts and API descriptions."""


def engine_libraries() -> tuple[str, ...]:
    """Every package that an engine needs, each once, in the table's order."""
    return tuple(dict.fromkeys(library for info in _TABLE for library in info.libraries))
