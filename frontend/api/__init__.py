"""The backend's API as the UI sees it; `models.py` is generated from OpenAPI by scripts/generate.py."""
