"""Check every hostile file in a process of its own, and print what it took and what was said."""

import subprocess
import sys
import tempfile
from pathlib import Path

from .files import FILES

MEMORY = 1_500_000_000
COMMAND = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
from markov.cli import main
try:
    main(["check", sys.argv[1]])
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{{used.ru_maxrss / 1000:.0f}} {{used.ru_utime + used.ru_stime:.1f}}", file=sys.stderr)
"""


def main() -> None:
    """Every file, or those whose names contain a word."""
    print("| file | size | exit code | seconds | MB | said |\n|---|---|---|---|---|---|")
    for name, hostile in FILES.items():
        if any(word not in name for word in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hostile.xlsx"
            hostile.make(path)
            size = f"{path.stat().st_size / 1000:,.0f} kB" if path.is_file() else "–"
            done = subprocess.run(
                [sys.executable, "-c", COMMAND.format(memory=MEMORY), str(path)],
                capture_output=True,
                text=True,
                timeout=300,
            )
            *told, used = done.stderr.strip().splitlines() or [""]
            memory, seconds = used.split()
            warned = [line for line in done.stdout.splitlines() if hostile.warning and hostile.warning in line]
            said = (told or warned or done.stdout.splitlines()[-1:] or [""])[0].replace(f"{folder}/", "")
            print(f"| {name} | {size} | {done.returncode} | {seconds} | {memory} | {said[:160]} |", flush=True)


if __name__ == "__main__":
    main()
