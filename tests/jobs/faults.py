"""Faults of AWS, put in at the wire: a client's requests fail, or their answers are lost, as the test says."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session


class Faults:
    """Everything that is not told to fail goes to the emulator."""

    def __init__(self, client: Any) -> None:
        self.given = 0
        self.requests = 0
        self._client = client
        self._answers: dict[str, list[tuple[int, dict[str, object]]]] = defaultdict(list)
        self._lost: set[str] = set()
        self._broken_from = self._broken_until = 0
        self._every_other = False
        client.meta.events.register("before-send.dynamodb", self._before_send)

    def answer(self, operation: str, *answers: tuple[int, dict[str, object]]) -> None:
        """The next requests of this operation get these answers (status and document)."""
        self._answers[operation] += answers

    def lose_answer(self, operation: str) -> None:
        """The next request of this operation is carried out, but the connection breaks before its answer."""
        self._lost.add(operation)

    def break_down(self, first: int = 1, *, count: int = 10**9) -> None:
        """From the `first` request on so many cannot be sent."""
        self.requests, self._broken_from, self._broken_until = 0, first, first + count

    def break_every_other(self) -> None:
        """Each request fails once, its repetition does not."""
        self.requests, self._every_other = 0, True

    def stop(self) -> None:
        """Back to normal."""
        self._client.meta.events.unregister("before-send.dynamodb", self._before_send)

    def _before_send(self, request: Any, **_: object) -> AWSResponse | None:
        operation = request.headers["X-Amz-Target"].decode().rsplit(".", 1)[1]
        self.requests += 1
        if self._broken_from <= self.requests < self._broken_until or (self._every_other and self.requests % 2):
            raise ConnectionClosedError(endpoint_url=request.url)
        if operation in self._lost:
            self._lost.remove(operation)
            URLLib3Session().send(request)
            raise ConnectionClosedError(endpoint_url=request.url)
        if not self._answers[operation]:
            return None
        status, document = self._answers[operation].pop(0)
        self.given += 1
        body = json.dumps(document).encode()
        response = AWSResponse(request.url, status, {"content-type": "application/x-amz-json-1.0"}, None)
        response._content = body
        return response


def count_requests(client: Any) -> list[str]:
    """The operations that this client asks for from now on."""
    found: list[str] = []

    def note(request: Any, **_: object) -> None:
        found.append(request.headers["X-Amz-Target"].decode().rsplit(".", 1)[1])

    client.meta.events.register("before-send.dynamodb", note)
    return found
