"""`python -m backend`: serve the backend on the host and port of the settings."""

from __future__ import annotations

import sys

from backend.main import create_app
from backend.web.serve import serve

if __name__ == "__main__":
    sys.exit(serve(create_app, log_name="fastapi"))
