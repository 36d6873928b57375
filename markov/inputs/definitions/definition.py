"""One kind of parameter: the pattern of its id, and what its cell may hold."""

from dataclasses import dataclass

from markov.inputs.definitions.quantities import Quantity
from markov.inputs.definitions.sheets import Sheet

WINDOWS = ("treatment.start.", "treatment.planned_stop.", "spm.lag.")  # when a drug is given: chosen, not estimated


@dataclass(frozen=True)
class Definition:
    """One kind of parameter: the pattern of its id, where it stands, what it means and what it may be.

    `default` stands in when no row gives a value; without one the model asks for the value where it needs it.
    Patterns name what varies in braces: {strategy}, {product}, {event}, {course}, {route}.
    """

    pattern: str
    sheet: Sheet
    label: str
    quantity: Quantity | None = None
    choices: tuple[str, ...] = ()
    default: float | str | None = None
    help: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the value is a choice or a text rather than a number."""
        return self.quantity is None

    @property
    def is_method(self) -> bool:
        """Settings, families and the like: choices of method, never sampled, listed apart from evidence."""
        return self.is_text or self.sheet is Sheet.SETTINGS or self.pattern.startswith(WINDOWS)
