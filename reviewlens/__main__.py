"""`python -m reviewlens`: what ./run calls."""

from reviewlens.cli import app

app(prog_name="./run")
