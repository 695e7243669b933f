"""Uploads: send a file, see what was detected, correct it, delete it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from backend.schemas.problems import errors
from backend.schemas.uploads import Corrections, DirectOffer, DirectRequest
from backend.web.deps import CurrentUser, PlatformDep, ServicesDep
from backend.web.receive import receive_upload
from reviewlens.contracts.detected import Detected
from reviewlens.uploads.service import FORM_SECONDS, MAX_FORM_BYTES, DirectUpload, Upload

router = APIRouter(prefix="/uploads", tags=["uploads"])
UploadId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", examples=["019a8c5e1f20123456789abcdef"])]

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "", status_code=201, summary="Upload a file", openapi_extra=_BODY, responses=errors(400, 401, 413, 422, 429, 503)
)
async def upload(
    request: Request,
    user: CurrentUser,
    services: ServicesDep,
    filename: Annotated[str, Query(max_length=1000, examples=["reviews.csv"])] = "",
) -> Upload:
    """CSV, TSV, JSON Lines, JSON, Parquet or XLSX; text formats may be gzipped.

    Send a form with the field `file`, or the file itself as the body with `?filename=`. The response has what was
    detected, a preview of 20 rows and warnings. The oldest uploads that no job uses are deleted when there are more
    than `max_unused_uploads_per_user`.
    """
    platform, threads = services.platform, services.threads.uploads
    with services.uploads_at_once.taken(user.subject):
        received = await receive_upload(
            request, user.subject, platform.uploads, filename, platform.settings.max_upload_bytes, threads
        )
    await run_in_threadpool(platform.jobs.drop_unused_uploads, user.subject, keep=received.upload_id)
    return received


@router.get(
    "/direct", summary="Whether files can be sent straight to the object store", responses=errors(401, 429, 503)
)
def direct_offer(user: CurrentUser, platform: PlatformDep) -> DirectOffer:
    """If not, send files to POST /uploads."""
    allowed = min(platform.settings.max_upload_bytes, MAX_FORM_BYTES)
    return DirectOffer(offered=platform.uploads.takes_forms(), max_bytes=allowed, expires_in=FORM_SECONDS)


@router.post(
    "/direct",
    status_code=201,
    summary="Announce a file that is sent straight to the object store",
    responses=errors(400, 401, 404, 413, 422, 429, 503),
)
def direct(body: DirectRequest, user: CurrentUser, platform: PlatformDep) -> DirectUpload:
    """For large files, which then do not pass through the backend. The response is a form for this file, valid for 15
    minutes.

    POST all `fields`, and the file last as the field `file`, to `url` as multipart/form-data; then call
    POST /uploads/{upload_id}/complete. An upload that is never completed is deleted after a day.
    """
    return platform.uploads.announce(user.subject, body.filename, body.size_bytes)


@router.post(
    "/{upload_id}/complete",
    summary="Complete a file that was sent straight to the object store",
    responses=errors(401, 404, 409, 413, 422, 429, 503),
)
def complete(upload_id: UploadId, user: CurrentUser, platform: PlatformDep) -> Upload:
    """Examines the file and responds like POST /uploads; a repeated request gets the same response."""
    completed = platform.uploads.complete(user.subject, upload_id)
    platform.jobs.drop_unused_uploads(user.subject, keep=completed.upload_id)
    return completed


@router.get("/{upload_id}", summary="What was detected in an upload", responses=errors(401, 404, 422, 429))
def get_upload(upload_id: UploadId, user: CurrentUser, platform: PlatformDep) -> Upload:
    """The response of POST /uploads, with the corrections made since."""
    return platform.uploads.get(user.subject, upload_id)


@router.get(
    "/{upload_id}/detected",
    summary="What was detected in an upload, by names and with counts",
    responses=errors(401, 404, 413, 422, 429, 503),
)
def detected(upload_id: UploadId, user: CurrentUser, platform: PlatformDep) -> Detected:
    """The document that `./run analyze FILE --detect` prints, with the corrections made since.

    It names columns instead of counting them. Reads the whole file, or the first rows of one over 100 MB.
    """
    return platform.uploads.detected(user.subject, upload_id)


@router.post("/{upload_id}/sniff", summary="Correct what was detected", responses=errors(400, 401, 404, 422, 429, 503))
def correct(upload_id: UploadId, body: Corrections, user: CurrentUser, platform: PlatformDep) -> Upload:
    """Examines the file again with these corrections, which replace earlier ones; without any, all is detected."""
    return platform.uploads.correct(user.subject, upload_id, body.overrides())


@router.delete("/{upload_id}", status_code=204, summary="Delete an upload", responses=errors(401, 404, 409, 422, 429))
def delete(upload_id: UploadId, user: CurrentUser, platform: PlatformDep) -> Response:
    """Only an upload that no job uses. Deleting the last job of an upload deletes the upload too."""
    platform.jobs.delete_upload(user.subject, upload_id)
    return Response(status_code=204)
