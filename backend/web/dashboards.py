"""Recently computed dashboards: a finished job never changes, so the same question has the same answer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

_MAX_DOCUMENTS = 64


class DashboardCache:
    """JSON documents by user, job and filters; the least recently used are dropped."""

    def __init__(self) -> None:
        self._documents: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, user: str, job: str, filters: str, compute: Callable[[], bytes]) -> bytes:
        """The document, computed where it is not cached."""
        key = (user, job, filters)
        with self._lock:
            if key in self._documents:
                self._documents.move_to_end(key)
                return self._documents[key]
        document = compute()
        with self._lock:
            self._documents[key] = document
            if len(self._documents) > _MAX_DOCUMENTS:
                self._documents.popitem(last=False)
        return document

    def forget(self, user: str, job: str) -> None:
        """Drop every document of a job."""
        with self._lock:
            for key in [key for key in self._documents if key[:2] == (user, job)]:
                del self._documents[key]
