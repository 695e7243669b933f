"""Models by address: downloaded once, verified, cached; and what makes an address unusable."""

from __future__ import annotations

import hashlib
import http.server
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reviewlens import aws as aws_clients
from reviewlens.errors import ConfigurationError, TransientError
from reviewlens.model import locate
from reviewlens.model.loading import check_engine, load_engine, model_address, model_sha256, pinned_model
from reviewlens.model.locate import local_model
from reviewlens.pipeline.in_worker import cached_engine
from tests.emulator import REGION, Emulator
from tests.model.small_graphs import make_cascade

ROOT = Path(__file__).parents[2]


@dataclass
class FileServer:
    """A local HTTP server: what it answers by path, and which paths were asked for."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    missing_bytes: int = 0
    requests: list[str] = field(default_factory=list)

    def address(self, path: str, content: bytes) -> str:
        """Serve the content and return its address with its hash."""
        self.files[path] = content
        return f"http://127.0.0.1:{self.port}{path}#sha256={hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def server() -> Iterator[FileServer]:
    served = FileServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(self.path)
            content = served.files.get(self.path, b"")
            self.send_response(served.statuses.get(self.path, 302 if self.path in served.redirects else 200))
            if self.path in served.redirects:
                self.send_header("Location", served.redirects[self.path])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - served.missing_bytes])

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        served.port = http_server.server_address[1]
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        yield served
        http_server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A tiny cascade bundle."""
    folder = tmp_path_factory.mktemp("archive")
    make_cascade(
        folder / "tiny", [{"name": "ngrams", "temperature": 1.0, "answers_below": 0.05, "answers_above": 0.95}]
    )
    return (folder / "tiny.tar.gz").read_bytes()


def test_a_model_is_downloaded_once_and_scores(server: FileServer, archive: bytes, tmp_path: Path) -> None:
    address = server.address("/model.tar.gz", archive)
    first = load_engine("cascade", address, cache_dir=tmp_path)
    again = load_engine("auto", address, cache_dir=tmp_path)
    assert first.score(["good lamp"]).tolist() == again.score(["good lamp"]).tolist()
    assert first.describe()["model_sha256"] == hashlib.sha256(archive).hexdigest()
    assert server.requests == ["/model.tar.gz"]
    assert not list(tmp_path.glob(".download-*"))


def test_a_job_is_pinned_to_the_hash_and_its_task_downloads_by_itself(
    server: FileServer, archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.address("/model.tar.gz", archive)
    monkeypatch.setenv("HOME", str(tmp_path / "backend"))
    assert check_engine("auto", address) == "cascade"
    assert pinned_model("cascade", address) == hashlib.sha256(archive).hexdigest()
    assert (model_address("cascade", address), model_address("textblob", address)) == (address, "")
    assert pinned_model("textblob", address) == ""
    monkeypatch.setenv("HOME", str(tmp_path / "task"))  # another machine: an empty cache
    assert model_sha256("cascade", local_model(address)) == pinned_model("cascade", address)
    cached_engine.cache_clear()
    assert cached_engine("cascade", address).name == "cascade"
    cached_engine.cache_clear()
    assert server.requests == ["/model.tar.gz"] * 2


def test_bytes_that_were_tampered_with_are_refused_and_not_kept(
    server: FileServer, archive: bytes, tmp_path: Path
) -> None:
    address = server.address("/model.tar.gz", archive)
    server.files["/model.tar.gz"] = archive[:-1] + bytes([archive[-1] ^ 1])
    with pytest.raises(ConfigurationError, match="SHA-256") as refused:
        local_model(address, tmp_path)
    assert refused.value.code == "model-hash"
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_a_cached_archive_that_changed_is_downloaded_again(server: FileServer, archive: bytes, tmp_path: Path) -> None:
    address = server.address("/model.tar.gz", archive)
    cached = local_model(address, tmp_path)
    assert cached is not None
    cached.write_bytes(b"something else")
    assert local_model(address, tmp_path) == cached
    assert cached.read_bytes() == archive
    assert len(server.requests) == 2


def test_processes_that_need_it_at_once_share_one_download(server: FileServer, archive: bytes, tmp_path: Path) -> None:
    address = server.address("/model.tar.gz", archive)
    program = "import sys; from pathlib import Path; from reviewlens.model.locate import local_model; "
    program += "print(local_model(sys.argv[1], Path(sys.argv[2])).stat().st_size)"
    running = [
        subprocess.Popen([sys.executable, "-c", program, address, tmp_path], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [int(process.communicate(timeout=60)[0]) for process in running] == [len(archive)] * 3
    assert server.requests == ["/model.tar.gz"]


def test_the_size_limit_is_exact(
    server: FileServer, archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.address("/model.tar.gz", archive)
    monkeypatch.setattr(locate, "MAX_DOWNLOAD_BYTES", len(archive) - 1)
    with pytest.raises(ConfigurationError) as refused:
        local_model(address, tmp_path)
    assert refused.value.code == "model-too-large"
    monkeypatch.setattr(locate, "MAX_DOWNLOAD_BYTES", len(archive))
    assert local_model(address, tmp_path) is not None


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("https://example.com/model.tar.gz", "SHA-256"),
        ("https://example.com/model.tar.gz#sha256=12ab", "SHA-256"),
        ("s3://bucket/model.tar.gz#md5=0", "SHA-256"),
        (f"http://example.com/model.tar.gz#sha256={'0' * 64}", "https://"),
        (f"ftp://example.com/model.tar.gz#sha256={'0' * 64}", "https://"),
        (f"https://user:secret@example.com/m#sha256={'0' * 64}", "password"),
        (f"https://[broken/m#sha256={'0' * 64}", "valid address"),
        (f"https://example.com:port/m#sha256={'0' * 64}", "valid address"),
        (f"s3://bucket#sha256={'0' * 64}", "s3://bucket/key"),
    ],
)
def test_an_unusable_address_says_what_to_change(address: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        local_model(address, tmp_path)
    assert refused.value.code == "no-bundle"
    assert hint in refused.value.message
    assert "secret" not in refused.value.message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("status", "error"), [(404, ConfigurationError), (403, ConfigurationError)])
def test_a_missing_file_is_a_wrong_setting(
    server: FileServer, status: int, error: type[Exception], tmp_path: Path
) -> None:
    address = server.address("/model.tar.gz", b"x")
    server.statuses["/model.tar.gz"] = status
    with pytest.raises(error, match=str(status)):
        local_model(address, tmp_path)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again_later(server: FileServer, status: int, tmp_path: Path) -> None:
    address = server.address("/model.tar.gz", b"x")
    server.statuses["/model.tar.gz"] = status
    with pytest.raises(TransientError, match=str(status)):
        local_model(address, tmp_path)


def test_a_connection_that_breaks_off_is_asked_again_later(server: FileServer, archive: bytes, tmp_path: Path) -> None:
    address = server.address("/model.tar.gz", archive)
    server.missing_bytes = 10
    with pytest.raises(TransientError):
        local_model(address, tmp_path)
    unreachable = address.replace(str(server.port), "9")
    with pytest.raises(TransientError):
        local_model(unreachable, tmp_path)


@pytest.mark.parametrize("target", ["http://example.com/model.tar.gz", "file:///etc/passwd", "s3://bucket/key"])
def test_redirects_lead_only_to_what_would_be_accepted_itself(server: FileServer, target: str, tmp_path: Path) -> None:
    address = server.address("/old", b"x")
    server.redirects["/old"] = target
    with pytest.raises(ConfigurationError) as refused:
        local_model(address, tmp_path)
    assert refused.value.code == "no-bundle"


def test_a_redirect_is_followed(server: FileServer, archive: bytes, tmp_path: Path) -> None:
    address = server.address("/new", archive).replace("/new", "/old")
    server.redirects["/old"] = "/new"
    assert local_model(address, tmp_path) is not None
    assert server.requests == ["/old", "/new"]


@pytest.fixture
def object_uri(aws: Emulator, archive: bytes) -> Callable[[bytes], str]:
    """Puts content into a new bucket of the emulator; returns its address without a hash."""

    def put(content: bytes) -> str:
        client = aws_clients.client("s3")
        bucket = f"models-{secrets.token_hex(6)}"
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_object(Bucket=bucket, Key="models/v1/model.tar.gz", Body=content)
        return f"s3://{bucket}/models/v1/model.tar.gz"

    return put


def test_a_model_in_s3(object_uri: Callable[[bytes], str], archive: bytes, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(archive).hexdigest()
    engine = load_engine("auto", f"{object_uri(archive)}#sha256={sha256}", cache_dir=tmp_path)
    assert (engine.name, engine.describe()["model_sha256"]) == ("cascade", sha256)
    with pytest.raises(ConfigurationError) as refused:
        local_model(f"{object_uri(archive + b'more')}#sha256={sha256}", tmp_path / "other")
    assert refused.value.code == "model-hash"
    missing = object_uri(b"x").replace("/v1/", "/v2/")
    with pytest.raises(ConfigurationError, match="no object"):
        local_model(f"{missing}#sha256={'0' * 64}", tmp_path)
