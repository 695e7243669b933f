"""What holds for all tests: a person's own settings do not reach them."""

from __future__ import annotations

import os

for _name in [name for name in os.environ if name.startswith("REVIEWLENS_") and name != "REVIEWLENS_SCREENSHOTS"]:
    del os.environ[_name]
