"""The batch task's program: cleans, then scores. Usage: run_all.py --spec URI."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reviewlens.pipeline.__main__ import main

if __name__ == "__main__":
    sys.exit(main(stage="all"))
