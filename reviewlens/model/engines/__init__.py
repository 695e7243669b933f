"""The scoring engines, one a file; a library loads with the engine that needs it."""
