"""The object store: where every file lives, as keys in one bucket (on a laptop: a folder)."""
