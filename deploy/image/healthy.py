"""`healthy.py ADDRESS`: exit code 0 when a server on this machine answers 200 there, as in 127.0.0.1:8000/healthz."""

from __future__ import annotations

import http.client
import sys


def main(address: str) -> int:
    """1, and a line that says why, when it does not answer or answers something else."""
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
