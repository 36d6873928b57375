"""A report file is either whole or not there: it is written beside its place and moved into it."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


class ReportError(OSError):
    """The report could not be written; the message says why and what to do."""


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, and move it into place; an existing file is replaced.

    Raises ReportError where the place cannot be written, or the file is open in another program.

    >>> folder = Path(tempfile.mkdtemp())
    >>> write_whole(folder / "answer.txt", lambda file: file.write_text("whole")).read_text()
    'whole'
    >>> [file.name for file in folder.iterdir()]
    ['answer.txt']
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=target.suffix)
        os.close(handle)
    except OSError as error:
        raise ReportError(
            f"{target}: cannot be written ({error.strerror}). Choose another folder with --out."
        ) from error
    temporary = Path(name)
    try:
        write(temporary)
        temporary.replace(target)
        target.chmod(0o644)
    except PermissionError as error:
        raise ReportError(f"{target} is open in another program. Close it there and run again.") from error
    except OSError as error:
        raise ReportError(
            f"{target}: cannot be written ({error.strerror or error}). Free some space and run again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return target
