"""What is known of one block of rows before anybody moves: hazards, stops, second malignancies, piece by piece."""

import numpy as np

from markov.inputs.parameters import Columns
from markov.model.hazards import HazardStream, Piece
from markov.model.prepared import Malignant, OnDrug, Prepared
from markov.model.stops import Stops, solve_stops, years_observed
from markov.model.transitions import in_half_a_cycle
from markov.model.treatment import Malignancies, OnTreatment, Shares, Window, first_if_alike, same
from markov.terms import MALIGNANCIES, Array, PostProgression, WithinCycle

PIECE = 8000  # cohort-cycles prepared together
FEW = 32  # cohorts: below, pieces are no longer than for as many
BATCH = 32  # cycles, at least, whose payoffs are added together


def piece_of(cohorts: int) -> int:
    """Cycles that the hazards and the rule prepare together: a power of two, so that pieces fill batches."""
    return int(2 ** int(np.clip(np.log2(PIECE / max(cohorts, FEW)), 0.0, 10.0)))


class Preparation:
    """Prepares the cycles of one block of rows, in order; one row prepares many cycles together, many rows one.

    Made from the block's values alone, so that blocks that differ in any choice can be prepared one by one and then
    move side by side, where their courses are alike.
    """

    def __init__(self, columns: Columns):
        inputs, strategies = columns.inputs, columns.inputs.compared
        self.columns = columns
        self.cohorts = (len(strategies), columns.rows)
        self.hazards = hazards = HazardStream(columns, piece_of(len(strategies) * columns.rows))
        self.window = Window.of(columns, hazards.boundaries)
        malignancies = Malignancies.of(columns)
        self.stops = self._stops(malignancies)
        self.length = float(hazards.boundaries[1])
        self.batch = max(BATCH, hazards.size)
        self.half_exposure = inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
        self.alternative = PostProgression(inputs.text("settings.post_progression"))
        self.starting = columns.by_strategy("treatment.share_starting.", strategies)
        self.drug = OnTreatment(self.window, self.starting, self.stops.toxicity_rate, self.stops.other_rate)
        self.shares: list[tuple[int, Shares]] = []
        self._stacked: tuple[Array, Array] | None = None
        parts = (malignancies.haematologic, 1.0 - malignancies.haematologic)
        self.off_drug = [(malignancies.off * part * self.length)[None] for part in parts]
        self.excess_on_drug = [(malignancies.excess * part)[None] for part in parts]
        self.off = Malignant(self.off_drug)
        kinds = zip(("haematologic", "solid"), MALIGNANCIES, strict=True)
        excess = {state: columns.number(f"spm.excess_death.{kind}") * self.length for kind, state in kinds}
        self.excess = {state: (rate, in_half_a_cycle(rate)) for state, rate in excess.items()}
        self._known: tuple[Shares, Array, OnDrug] | None = None

    def _stops(self, malignancies: Malignancies) -> Stops:
        """Rates are solved to the end of the reported period, be the horizon shorter."""
        columns, hazards, observed = self.columns, self.hazards, years_observed(self.columns)
        if observed <= hazards.boundaries[-1]:
            return solve_stops(columns, hazards, self.window, malignancies)
        longer = HazardStream(columns, hazards.size, observed)
        return solve_stops(columns, longer, Window.of(columns, longer.boundaries), malignancies)

    @property
    def course(self) -> tuple[object, ...]:
        """Blocks of the same course move alike: they have these in common."""
        mortality = self.columns.inputs.text("settings.post_progression_mortality")
        return (
            len(self.hazards.boundaries),
            self.length,
            self.hazards.size,
            self.cohorts[0],
            self.half_exposure,
            self.alternative,
            mortality if self.alternative is PostProgression.TIME_SINCE_PROGRESSION else "",
            self.stops.maintenance_progression is None,
        )

    @property
    def shares_of_batch(self) -> tuple[Array, Array]:
        """Share on drug at the beginning and the end of the part in the window, (cycles, strategies, rows or 1)."""
        if self._stacked is None:
            begin = _joined([(size, shares.begin) for size, shares in self.shares])
            simple = self.drug.simple
            self._stacked = begin, begin if simple else _joined([(size, s.finish) for size, s in self.shares])
        return self._stacked

    def take(self, first: int) -> Prepared:
        """The next piece, which begins with cycle `first`: all that is known of it before anybody moves."""
        piece = self.hazards.take()
        size = len(piece.background)
        span = slice(first, first + size)
        if first % self.batch == 0:
            self.shares = []
        self._stacked = None
        shares = self.drug.cycles(first, size)
        self.shares.append((size, shares))
        on = self._on_drug(shares, self.window.exposed[span, :, None])
        return Prepared(piece, self.off, on, self.excess, *self._progression(piece, span))

    def _progression(self, piece: Piece, span: slice) -> tuple[Array, Array, Array, Array]:
        """Progression increments out of `maintenance` and of `toxicity`, and the same with deaths."""
        split, after = self.stops.maintenance_progression, self.stops.toxicity_progression
        if split is None or after is None:
            progression = piece.progression
            return progression, progression, piece.floored, piece.floored
        return split[span], after[span], split[span] + piece.background, after[span] + piece.background

    def _on_drug(self, shares: Shares, exposed: Array) -> OnDrug:
        """Stops and second malignancies in `maintenance`, made anew only when the share on drug changes."""
        exposed = first_if_alike(exposed)
        if self._known is None or shares is not self._known[0] or not same(exposed, self._known[1]):
            mean = shares.mean * exposed
            malignant = [excess * mean + off for excess, off in zip(self.excess_on_drug, self.off_drug, strict=True)]
            self._known = shares, exposed, OnDrug(shares.toxicity, Malignant(malignant))
        return self._known[2]


def _joined(parts: list[tuple[int, Array]]) -> Array:
    """Consecutive pieces end to end, from (cycles, what holds in each or in all of them)."""
    _, first = parts[0]
    if len(first) == 1 and all(values is first for _, values in parts):
        return np.broadcast_to(first, (sum(size for size, _ in parts), *first.shape[1:]))
    return np.concatenate([np.broadcast_to(values, (size, *values.shape[1:])) for size, values in parts])
