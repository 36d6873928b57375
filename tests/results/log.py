"""The logs behind the page: one line for each piece of work, with the state of the program it was done on."""

import datetime
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests import ROOT


@dataclass(frozen=True)
class Piece:
    """What a piece of a part gave: its name, the state of the program, the day, seconds taken, and the findings."""

    name: str
    state: str
    day: str
    seconds: float
    found: Any


def present_state() -> str:
    """Twelve digits of the SHA-256 of the program's files and the shipped workbooks."""
    digest = hashlib.sha256()
    for file in (*sorted((ROOT / "markov").rglob("*.py")), *sorted((ROOT / "inputs").glob("*.xlsx"))):
        digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def today() -> str:
    """The day of a piece, in Greenwich."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


class Log:
    """The log of one part: a file to which lines are added."""

    def __init__(self, path: Path):
        self.path = path

    def add(self, piece: Piece) -> None:
        """Add a line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(piece), ensure_ascii=False) + "\n")

    def pieces(self) -> list[Piece]:
        """All lines, the oldest first; one that a stopped run left half written is passed over."""
        if not self.path.exists():
            return []
        return list(_whole(self.path.read_text(encoding="utf-8").splitlines()))

    def newest(self, names: Iterable[str]) -> dict[str, Piece]:
        """The last line of each of these pieces: of the present program where there is one."""
        wanted, found = set(names), dict[str, Piece]()
        present = present_state()
        for piece in sorted(self.pieces(), key=lambda piece: piece.state == present):
            if piece.name in wanted:
                found[piece.name] = piece
        return {name: found[name] for name in names if name in found}


def _whole(lines: Iterable[str]) -> Iterable[Piece]:
    for line in lines:
        try:
            yield Piece(**json.loads(line))
        except ValueError:
            continue
