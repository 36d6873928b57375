"""Files opened in LibreOffice, where it is installed."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Test = Callable[..., Any]


def needs_libreoffice(test: Test) -> Test:
    """Mark a test that opens a file; it is skipped with the reason where there is no LibreOffice."""
    absent = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
    return pytest.mark.libreoffice(absent(test))


def convert(file: Path, kind: str, folder: Path) -> str:
    """Open a file and write it to a folder as another kind; returns what was said."""
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = ["soffice", "--headless", profile, "--convert-to", kind, "--outdir", str(folder), str(file)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=180)
    return done.stderr.decode(errors="replace")
