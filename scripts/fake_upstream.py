"""An upstream to try Prome against: `python scripts/fake_upstream.py --port 9000 --fault stall`."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # Run as a file, only its own folder is looked in; what it is made of is one above.
    sys.path[0] = str(Path(__file__).parents[1])
    runpy.run_module("scripts.upstream", run_name="__main__")
