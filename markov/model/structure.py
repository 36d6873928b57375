"""States and transitions as data: the engine runs any declaration, the maintenance model is one of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from markov.terms import State


@dataclass(frozen=True)
class Structure:
    """States by name and the transitions allowed between them, as pairs (from, to), grouped by origin.

    >>> two = Structure.of(["well", "dead"], [("well", "dead")])
    >>> two.exits("well"), two.leaving
    (slice(0, 1, None), ('well',))
    """

    states: tuple[str, ...]
    transitions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, states: Iterable[str], transitions: Iterable[tuple[str, str]]) -> "Structure":
        """Check a declaration and group its transitions by origin, in the order of the states."""
        order = {state: i for i, state in enumerate(states)}
        pairs = sorted(transitions, key=lambda pair: (order[pair[0]], order[pair[1]]))
        if len(set(pairs)) != len(pairs) or any(a == b for a, b in pairs):
            raise ValueError("a transition is declared twice, or leads back to its own state")
        return cls(tuple(order), tuple(pairs))

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each state."""
        return {state: i for i, state in enumerate(self.states)}

    @cached_property
    def row(self) -> dict[tuple[str, str], int]:
        """Row of each transition."""
        return {pair: i for i, pair in enumerate(self.transitions)}

    @cached_property
    def leaving(self) -> tuple[str, ...]:
        """States that can be left."""
        origins = {a for a, _ in self.transitions}
        return tuple(state for state in self.states if state in origins)

    @cached_property
    def _exits(self) -> dict[str, slice]:
        origins = [a for a, _ in self.transitions]
        return {s: slice(origins.index(s), origins.index(s) + origins.count(s)) for s in self.leaving}

    def exits(self, state: str) -> slice:
        """Rows of the transitions out of a state: they stand together."""
        return self._exits.get(state, slice(0, 0))


MAINTENANCE_MODEL = Structure.of(
    list(State),
    [
        *((State.MAINTENANCE, to) for to in State if to is not State.MAINTENANCE),
        *((State.TOXICITY, to) for to in list(State)[2:]),
        *((State.PROGRESSION, to) for to in list(State)[3:]),
        (State.SPM_HAEMATOLOGIC, State.DEATH),
        (State.SPM_SOLID, State.DEATH),
    ],
)
