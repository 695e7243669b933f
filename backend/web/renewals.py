"""Sessions in browsers that are renewed by their refresh cookie."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from reviewlens.identity.interface import Tokens

_SAME_SECONDS = 10.0


class Renewals:
    """Exchanges refresh cookies for tokens.

    A browser may send several requests before it has the new cookies. A refresh token works once, so all requests with
    the same cookie within ten seconds get the same tokens.
    """

    def __init__(self, refresh: Callable[[str], Tokens], *, now: Callable[[], float] = time.monotonic) -> None:
        self._refresh = refresh
        self._now = now
        self._recent: dict[bytes, tuple[float, Future[Tokens]]] = {}
        self._lock = threading.Lock()

    def renew(self, refresh_token: str) -> Tokens:
        """Tokens for a refresh cookie; errors as for `IdentityProvider.refresh`."""
        key = hashlib.sha256(refresh_token.encode(errors="replace")).digest()
        with self._lock:
            now = self._now()
            self._recent = {each: value for each, value in self._recent.items() if value[0] > now - _SAME_SECONDS}
            ours = key not in self._recent
            _, tokens = self._recent.setdefault(key, (now, Future()))
        if ours:
            try:
                tokens.set_result(self._refresh(refresh_token))
            except BaseException as error:
                tokens.set_exception(error)
                with self._lock:
                    self._recent.pop(key, None)
                raise
        return tokens.result()
