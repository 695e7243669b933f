"""`healthy.py ADDRESS`: exits with 0 if a local server answers 200 there, for example 127.0.0.1:8000/healthz."""

from __future__ import annotations

import http.client
import sys


def main(address: str) -> int:
    """Returns 1, and prints the reason, if there is no answer or another status."""
    host, _, path = address.partition("/")
    connection = http.client.HTTPConnection(host, timeout=8)
    try:
        connection.request("GET", f"/{path}")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stdout.write(f"{address}: {error}\n")
        return 1
    finally:
        connection.close()
    sys.stdout.write(f"{address}: {status}\n")
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
