"""Files in: raw and multipart, capped while they stream, nothing left behind when they break off."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.web.receive import FilePart
from reviewlens.errors import InputError
from tests.backend.conftest import CSV

BOUNDARY = b"----boundary7"


def stored(backend_app) -> list[str]:
    return [info.key for info in backend_app.platform.store.list("uploads/")]


def multipart(*parts: tuple[bytes, bytes], end: bytes = b"--") -> bytes:
    body = b"".join(b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts)
    return body + b"--" + BOUNDARY + end + b"\r\n"


def file_head(filename: bytes = b"reviews.csv", field: bytes = b"file") -> bytes:
    return b'Content-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: text/csv' % (field, filename)


def send(backend_app, body, kind="multipart/form-data; boundary=" + BOUNDARY.decode(), path="/uploads"):
    return backend_app.client.post(path, content=body, headers={**backend_app.as_("ana"), "Content-Type": kind})


def test_a_raw_body_and_a_form_give_the_same(backend_app):
    raw = backend_app.client.post("/uploads?filename=reviews.csv", content=CSV, headers=backend_app.as_("ana")).json()
    form = backend_app.client.post(
        "/uploads", files={"file": ("reviews.csv", CSV)}, headers=backend_app.as_("ana")
    ).json()
    for name in ("filename", "size_bytes", "sha256", "sniffed"):
        assert raw[name] == form[name]
    assert raw["sha256"] == hashlib.sha256(CSV).hexdigest()
    assert raw["sniffed"]["mapping"]["text"] == 0
    assert raw["sniffed"]["preview"][0] == ["Works very well", "5"]
    assert backend_app.client.get(f"/uploads/{raw['upload_id']}", headers=backend_app.as_("ana")).json() == raw


def test_uploads_that_are_never_analysed_do_not_pile_up(backend_app):
    allowed = backend_app.settings.max_unused_uploads_per_user
    ids = [backend_app.upload(name="hoarder")["upload_id"] for _ in range(allowed + 1)]
    found = [backend_app.client.get(f"/uploads/{each}", headers=backend_app.as_("hoarder")).status_code for each in ids]
    assert found == [404] + [200] * allowed


def test_corrections_are_applied_and_kept(backend_app):
    upload = backend_app.upload()
    path = f"/uploads/{upload['upload_id']}"
    changed = backend_app.client.post(
        f"{path}/sniff", json={"dialect": {"header": False}}, headers=backend_app.as_("ana")
    ).json()
    assert changed["sniffed"]["dialect"]["header"] is False
    assert backend_app.client.get(path, headers=backend_app.as_("ana")).json() == changed
    assert (
        backend_app.client.post(f"{path}/sniff", json={}, headers=backend_app.as_("ana")).json()["sniffed"]
        == upload["sniffed"]
    )


def test_the_document_of_an_upload_has_names_and_counts_and_follows_corrections(backend_app):
    upload = backend_app.upload()
    path = f"/uploads/{upload['upload_id']}"
    document = backend_app.client.get(f"{path}/detected", headers=backend_app.as_("ana")).json()
    rows = len(CSV.decode().splitlines()) - 1
    assert document["rows"] == document["texts"] + document["empty_texts"] + document["rejected"] == rows
    assert document["roles"]["text"] == [upload["sniffed"]["columns"][0]["name"]]
    backend_app.client.post(f"{path}/sniff", json={"dialect": {"header": False}}, headers=backend_app.as_("ana"))
    document = backend_app.client.get(f"{path}/detected", headers=backend_app.as_("ana")).json()
    assert (document["header_row"], document["rows"]) == (None, rows + 1)
    assert backend_app.client.get(f"{path}/detected", headers=backend_app.as_("ben")).status_code == 404


def test_a_zip_archive_of_several_files_is_kept_until_one_is_chosen(backend_app):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("jan.csv", CSV)
        archive.writestr("feb.csv", CSV + CSV.split(b"\n", 1)[1])

    def call(method, path, **options):
        return backend_app.client.request(method, path, headers=backend_app.as_("zipper"), **options)

    upload = call("POST", "/uploads?filename=months.zip", content=packed.getvalue()).json()
    members = [{"name": "jan.csv", "size_bytes": len(CSV)}, upload["sniffed"]["members"][1]]
    assert upload["sniffed"]["members"] == members
    assert [warning["code"] for warning in upload["sniffed"]["coded_warnings"]] == ["zip-members"]
    path, job = f"/uploads/{upload['upload_id']}", {"upload_id": upload["upload_id"]}
    for answer in (call("GET", f"{path}/detected"), call("POST", "/trigger_pipeline", json=job)):
        assert (answer.status_code, answer.json()["code"]) == (422, "zip-members")
        assert answer.json()["details"] == {"members": members}
    march = call("POST", f"{path}/sniff", json={"dialect": {"member": "march.csv"}})
    assert (march.status_code, march.json()["code"]) == (422, "no-such-member")
    chosen = {"dialect": {"member": "feb.csv"}}
    assert call("POST", "/trigger_pipeline", json={**job, **chosen}).status_code == 202
    assert call("POST", f"{path}/sniff", json=chosen).json()["sniffed"]["dialect"]["member"] == "feb.csv"
    document = call("GET", f"{path}/detected").json()
    rows = 2 * len(CSV.decode().splitlines()) - 2
    assert (document["member"], document["members"], document["rows"]) == ("feb.csv", ["jan.csv", "feb.csv"], rows)


@pytest.mark.parametrize(
    "body",
    [
        {"dialect": {"delimiter": "x"}},
        {"dialect": {"nonsense": 1}},
        {"mapping": {"text": "first"}},
        {"mapping": {"text": 99}},
        {"mapping": {"text": -1}},
        {"mapping": {"nonsense": 1}},
        {"mapping": {"segments": [2]}},
        {"mapping": {"segments": [0]}},
        {"mapping": {"segments": ["Rating"]}},
        {"mapping": {"segments": [[1]]}},
        {"mapping": {"segments": 1}},
        {"mapping": {"further_texts": 1, "segments": []}},
        {"nonsense": {}},
        {"dialect": 7},
    ],
)
def test_corrections_that_cannot_be_are_refused(backend_app, body):
    upload = backend_app.upload()
    answer = backend_app.client.post(f"/uploads/{upload['upload_id']}/sniff", json=body, headers=backend_app.as_("ana"))
    assert answer.status_code == 422, answer.text
    assert backend_app.client.get(f"/uploads/{upload['upload_id']}", headers=backend_app.as_("ana")).json() == upload


def test_an_unused_upload_is_deleted(backend_app):
    path = f"/uploads/{backend_app.upload()['upload_id']}"
    assert backend_app.client.delete(path, headers=backend_app.as_("ana")).status_code == 204
    assert backend_app.client.get(path, headers=backend_app.as_("ana")).status_code == 404


@pytest.mark.parametrize("way", ["raw", "form", "streamed"])
def test_a_file_over_the_limit_is_refused_and_leaves_nothing(backend_app, way):
    before = stored(backend_app)
    big = b"Text\n" + b"word " * 60_000
    if way == "raw":
        answer = backend_app.client.post("/uploads?filename=a.csv", content=big, headers=backend_app.as_("ana"))
    elif way == "form":
        answer = backend_app.client.post("/uploads", files={"file": ("a.csv", big)}, headers=backend_app.as_("ana"))
    else:
        pieces = (big[start : start + 999] for start in range(0, len(big), 999))
        answer = backend_app.client.post("/uploads?filename=a.csv", content=pieces, headers=backend_app.as_("ana"))
    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")
    assert answer.json()["details"] == {"limit": "max_upload_bytes", "allowed": 200_000}
    assert stored(backend_app) == before


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_is_exact(backend_app, over):
    content = b"Text\n" + b"fine words\n" * 18_181
    content += b"x" * (200_000 - len(content) + over)
    answer = backend_app.client.post("/uploads?filename=a.csv", content=content, headers=backend_app.as_("ana"))
    assert answer.status_code == (413 if over else 201), answer.text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (multipart((file_head(field=b"other"), CSV)), "file-missing"),
        (multipart(), "file-missing"),
        (b"", "file-missing"),
        (b"no form at all", "malformed-multipart"),
        (multipart((file_head(), CSV), (file_head(), CSV)), "several-files"),
        (multipart((file_head(), CSV))[:-20], "upload-incomplete"),
        (multipart((file_head(), b"")), "empty-file"),
    ],
)
def test_forms_that_are_wrong_are_refused_and_leave_nothing(backend_app, body, code):
    before = stored(backend_app)
    answer = send(backend_app, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert stored(backend_app) == before


@pytest.mark.parametrize("file_first", [True, False])
def test_what_else_is_in_a_form_counts_as_well(backend_app, file_first):
    other = (file_head(field=b"other"), b"x" * 400_000)
    parts = [(file_head(), CSV), other]
    body = multipart(*(parts if file_first else parts[::-1]))
    pieces = (body[start : start + 50_000] for start in range(0, len(body), 50_000))  # so without a Content-Length
    before = stored(backend_app)
    answer = send(backend_app, pieces)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")
    assert stored(backend_app) == before


def test_a_form_without_a_boundary_is_refused(backend_app):
    assert send(backend_app, b"x", "multipart/form-data").json()["code"] == "malformed-multipart"


def test_a_raw_body_needs_a_name(backend_app):
    assert send(backend_app, CSV, "text/csv").json()["code"] == "filename-missing"


def test_names_are_decoded_and_stripped(backend_app):
    answer = send(backend_app, multipart((file_head("../данные 1.csv".encode()), CSV)))
    assert answer.json()["filename"] == "данные 1.csv"
    nameless = b'Content-Disposition: form-data; name="file"; filename=""'
    assert send(backend_app, multipart((nameless, CSV))).json()["filename"] == "upload"


@pytest.mark.parametrize("kind", ["text/csv", "multipart/form-data; boundary=" + BOUNDARY.decode()])
def test_a_connection_that_breaks_off_leaves_nothing(backend_app, kind):
    before = stored(backend_app)
    body = multipart((file_head(), CSV * 50)) if "multipart" in kind else CSV * 50
    messages = [
        {"type": "http.request", "body": body[:900], "more_body": True},
        {"type": "http.request", "body": body[900:1800], "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/uploads",
        "raw_path": b"/uploads",
        "query_string": b"filename=a.csv",
        "root_path": "",
        "scheme": "http",
        "client": ("127.0.0.1", 5),
        "server": ("testserver", 80),
        "headers": [
            (b"authorization", backend_app.as_("ana")["Authorization"].encode()),
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    sent = []

    async def receive():
        return messages.pop(0)

    async def send_(message):
        sent.append(message)

    asyncio.run(backend_app.app(scope, receive, send_))
    assert messages == []
    assert stored(backend_app) == before
    assert sent[0]["status"] == 400


@given(
    content=st.binary(max_size=300) | st.just(b"\r\n--" + BOUNDARY[:-1]) | st.just(b"\r\n" * 20),
    cuts=st.lists(st.integers(min_value=0, max_value=900), max_size=12),
)
def test_a_file_comes_out_of_a_form_as_it_went_in_however_it_is_cut(content, cuts):
    note = (b'Content-Disposition: form-data; name="note"', b"not the file")
    body = multipart(note, (file_head(), content), note)
    places = sorted({0, *(min(cut, len(body)) for cut in cuts), len(body)})
    part = FilePart((body[start:end] for start, end in pairwise(places)), BOUNDARY)
    assert part.filename == "reviews.csv"
    assert b"".join(part) == content


@given(st.binary(max_size=400))
def test_any_bytes_as_a_form_are_refused_in_our_own_words(body):
    with pytest.raises(InputError):
        b"".join(FilePart(iter([body]), BOUNDARY))
