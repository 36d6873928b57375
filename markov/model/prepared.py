"""What is known of a piece of cycles before anybody moves: increments, and the exits of every state but progression.

No exponential is taken twice: states share the survival of the background, of progression and of second malignancies
over half a cycle, combined by a + b·(1 − a).
"""

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from markov.model.hazards import Piece
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.transitions import NOBODY_LEAVES, Leaving, either, exit_of, exit_of_origin, in_half_a_cycle
from markov.terms import Array, State

Part = TypeVar("Part")
INDEX = MAINTENANCE_MODEL.index
_M, _T = INDEX[State.MAINTENANCE], INDEX[State.TOXICITY]


def filled(values: Array, shape: tuple[int, ...]) -> Array:
    """Few rows are filled up to one shape: broadcasting takes twice as long on them, and costs nothing on many."""
    return np.ascontiguousarray(np.broadcast_to(values, shape))


def by_cycle(values: Array, shape: tuple[int, ...]) -> list[Array]:
    """The cycles of a piece of a shape (cycles, strategies, rows)."""
    return [values[0]] if shape[0] == 1 else list(filled(values, shape))


class Malignant:
    """Second malignancies in a state: increments by kind and in all, and the shares they leave in half a cycle."""

    def __init__(self, kinds: list[Array]):
        self.kinds = kinds
        self.total = kinds[0] + kinds[1]
        self.taken = in_half_a_cycle(self.total)


class OnDrug:
    """What leaves `maintenance` besides progression and death: stops for toxicity, and second malignancies.

    `stopped` by the former, `taken` by both: shares in a whole cycle.
    """

    def __init__(self, toxicity: Array, malignant: Malignant):
        self.toxicity, self.malignant = toxicity, malignant
        self.stopped = in_half_a_cycle(toxicity).twice
        self.total = toxicity + malignant.total
        self.taken = either(self.stopped, malignant.taken.twice)


class Prepared:
    """A piece of cycles before anybody moves, (cycles, strategies, rows): increments and exits by state.

    `ending` is progression or death out of `maintenance`, `ended` the shares it leaves in a whole cycle;
    `ended_after` the same out of `toxicity` in half a cycle; `died` in half a cycle of background mortality. `deaths`
    are those out of second malignancies, `dead` the shares that they leave in half a cycle.
    """

    def __init__(
        self,
        piece: Piece,
        off: Malignant,
        on: OnDrug,
        excess: dict[State, tuple[Array, Leaving]],
        progression: Array,
        after: Array,
        ending: Array,
        ending_after: Array,
    ):
        self.background, self.survival, self.off, self.on = piece.background, piece.survival, off, on
        self.progression, self.after, self.ending = progression, after, ending
        self.died = in_half_a_cycle(piece.background)
        self.ended_after = in_half_a_cycle(ending_after)
        same = ending is ending_after
        self.ended_whole_after = self.ended_after.twice
        self.ended = self.ended_whole_after if same else in_half_a_cycle(ending).twice
        self.deaths = {state: piece.background + rate for state, (rate, _) in excess.items()}
        self.dead = {state: either(self.died, by_excess) for state, (_, by_excess) in excess.items()}
        self.exits = [NOBODY_LEAVES] * len(INDEX)
        self.exits[_M] = exit_of_origin(ending + on.total, either(self.ended, on.taken))
        self.exits[_T] = exit_of(ending_after + off.total, either(self.ended_after, off.taken))
        for state, deaths in self.deaths.items():
            self.exits[INDEX[state]] = exit_of(deaths, self.dead[state])


def side_by_side(parts: Sequence[Part], rows: Sequence[int]) -> Part:
    """What several blocks have prepared, as one block of all their rows.

    Parts are alike: arrays whose last axis holds the rows (or one for all), or lists, dictionaries and objects of
    such. One array under two names stays one, so that transitions that are alike are known to be.
    """
    known: dict[tuple[int, ...], Any] = {}

    def joined(values: Sequence[Any]) -> Any:
        places = tuple(map(id, values))
        if places not in known:
            known[places] = whole(values)
        return known[places]

    def whole(values: Sequence[Any]) -> Any:
        first = values[0]
        if isinstance(first, np.ndarray):
            return _end_to_end(values, rows) if first.ndim else first
        if isinstance(first, dict):
            return {key: joined([value[key] for value in values]) for key in first}
        if isinstance(first, list | tuple):
            items = map(joined, zip(*values, strict=True))
            return first._make(items) if hasattr(first, "_make") else type(first)(items)
        if not hasattr(first, "__dict__"):
            return first
        made = copy.copy(first)
        vars(made).update(whole([vars(value) for value in values]))
        return made

    found: Part = parts[0] if len(parts) == 1 else whole(parts)
    return found


def _end_to_end(values: Sequence[Array], rows: Sequence[int]) -> Array:
    shape = np.broadcast_shapes(*(value.shape[:-1] for value in values))
    return np.concatenate([np.broadcast_to(v, (*shape, n)) for v, n in zip(values, rows, strict=True)], axis=-1)
