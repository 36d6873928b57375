"""A file that is written is either whole or not there: it is filled beside its place and moved into it."""

import contextlib
import errno
import io
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PART = ".part"
"""Ending of a file that is being written: hidden, and none that other programs open."""
ABANDONED_AFTER = 60.0  # seconds: a younger file may be one that has just been made and not yet locked
LONGEST_NAME = 60  # bytes of the target's name in that of the temporary file: file systems take 255


PROTECTED: set[Path] = set()
"""Files that are never replaced: the workbooks that the running command has read."""


class ReportError(OSError):
    """A file could not be written; the message names it and says why and what to do."""


FULL = "Free some space and run again."
FOLDER = "Choose another folder."
REMEDIES = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: f"Files may not grow so large here. {FOLDER}",
    errno.EROFS: FOLDER,
    errno.EACCES: FOLDER,
    errno.EPERM: FOLDER,
    errno.ENOTDIR: FOLDER,
    errno.EEXIST: FOLDER,
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, and move it into place; an existing file is replaced.

    Whatever ends the program on the way, the target is the old file or the whole new one. A temporary file that a
    killed program left beside it is removed.  Raises ReportError where the place cannot be written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_whole(folder / "answer.txt", lambda file: file.write_text("whole")).read_text()
    'whole'
    >>> [file.name for file in folder.iterdir()]
    ['answer.txt']
    """
    target = Path(path)
    check_place(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target) as temporary:
            write(temporary)
            _flush(temporary)
            _keep_mode(temporary, target)
            _move(temporary, target)
    except ReportError:
        raise
    except Exception as error:
        cause = next((e for e in (error, *error.args) if isinstance(e, OSError)), None)
        if cause is None:
            raise
        raise _explained(target, cause) from error  # XlsxWriter wraps what the system says in an error of its own
    return target


def write_packed(path: str | Path, pack: Callable[[io.BytesIO], object]) -> Path:
    """The same for archives, which are packed in memory first.

    On a full disk zipfile fails twice, the second time when it is taken away, where nobody can catch what it says.
    """

    def write(file: Path) -> None:
        stream = io.BytesIO()
        pack(stream)
        file.write_bytes(stream.getbuffer())

    return write_whole(path, write)


def check_place(target: Path) -> None:
    """Raise ReportError for a place where no file can be written, before any work is done for it.

    >>> check_place(Path("."))
    Traceback (most recent call last):
    markov.excel.files.ReportError: .: cannot be written (it is a folder). Name a file in it.
    """
    try:
        if target.resolve() in PROTECTED:
            raise ReportError(f"{target} is the workbook that was read: choose another name.")
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except ReportError:
        raise
    except (OSError, ValueError) as error:
        raise _explained(target, error) from error
    if stat.S_ISDIR(mode):
        raise ReportError(f"{target}: cannot be written (it is a folder). Name a file in it.")
    if not stat.S_ISREG(mode):
        raise ReportError(f"{target}: cannot be written (it is a device or a pipe). Name a file.")
    folder = next(parent for parent in target.absolute().parents if parent.exists())
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise _explained(target, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def _explained(target: Path, error: Exception) -> ReportError:
    code = error.errno if isinstance(error, OSError) else None
    words = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    remedy = REMEDIES.get(code or 0, "Choose another name or folder, and run again.")
    return ReportError(f"{target}: cannot be written ({words}). {remedy}")


def _move(temporary: Path, target: Path) -> None:
    try:
        temporary.replace(target)
    except PermissionError as error:  # what Windows says of a file that Excel holds open
        raise ReportError(f"{target} is open in another program. Close it there and run again.") from error


def _flush(temporary: Path) -> None:
    """Have the content on the disk before the name points to it, also where the power fails."""
    handle = os.open(temporary, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _keep_mode(temporary: Path, target: Path) -> None:
    """The rights of the file that is replaced, or those of a new file here."""
    with contextlib.suppress(OSError):  # file systems without rights
        temporary.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask())


def _umask() -> int:
    """What the system takes away from a new file's rights; reading it means setting it for a moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


# ----------------------------------------------------------------------------------------------- temporary files


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A new hidden file beside the target, locked while it is written and gone afterwards."""
    start = f".{target.name.encode()[:LONGEST_NAME].decode(errors='ignore')}."
    _remove_abandoned(target.parent, start)
    temporary = target.with_name(f"{start}{secrets.token_hex(4)}{PART}")
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _lock(handle)
        if os.name == "nt":  # where a file that is open can neither be written by another handle nor moved
            os.close(handle)
        yield temporary
    finally:
        if os.name != "nt":
            os.close(handle)
        temporary.unlink(missing_ok=True)


def _remove_abandoned(folder: Path, start: str) -> None:
    """Remove temporary files of this target that nobody holds: a program was killed while it wrote them."""
    for file in folder.iterdir():
        if file.name.startswith(start) and file.name.endswith(PART):
            with contextlib.suppress(OSError):
                if time.time() - file.stat().st_mtime > ABANDONED_AFTER:
                    handle = os.open(file, os.O_RDWR)
                    try:
                        if _lock(handle):
                            file.unlink()
                    finally:
                        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock a file against removal by others; False where another program has done so. It ends with the program."""
    try:
        import fcntl
    except ImportError:  # Windows refuses by itself to remove a file that is open
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
