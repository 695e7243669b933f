"""Entry point of `python -m reviewlens`, which ./run calls."""

from reviewlens.cli import app

app(prog_name="./run")
