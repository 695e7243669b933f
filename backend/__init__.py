"""The HTTP door: FastAPI routes of a few lines each over the library."""
