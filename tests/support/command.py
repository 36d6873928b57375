"""The command line as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def markov(*arguments: object, folder: Path, terminal_width: int = 200) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": str(terminal_width), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "markov", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
