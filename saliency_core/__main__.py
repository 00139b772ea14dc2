"""``python -m saliency_core``: saliency maps and benchmarks on the command line."""

from __future__ import annotations

import sys

from saliency_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
