"""`python -m workers.sandbox FOLDER`: confines itself and prints what the system granted, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from workers.sandbox import confine

folder = Path(sys.argv[1])
print(json.dumps(confine(file=folder, folder=folder, cpu_seconds=20, memory_bytes=2**31, file_bytes=2**20)))
