"""Results as tidy pandas tables: one row a thing, ids beside labels. Every `to_frame()` of a result ends here.

pandas takes longer to import than a run takes, so that it is imported where a table is made.
"""

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from pandas import DataFrame


def frame(rows: Iterable[Any]) -> "DataFrame":
    """A table with a row for each dataclass (`scalars`) or mapping; a number may be missing, a text is then empty.

    >>> from markov.analysis.incremental import incremental
    >>> frame(incremental(["old", "new"], [0.0, 9000.0], [1.0, 1.5]))[["icer", "versus"]].values.tolist()
    [[nan, ''], [18000.0, 'old']]
    """
    import pandas as pd

    told = [row if isinstance(row, Mapping) else scalars(row) for row in rows]
    table = pd.DataFrame([{name: math.nan if value is None else value for name, value in row.items()} for row in told])
    return table.fillna({name: "" for name in table if table[name].dtype.kind not in "biuf"})


def scalars(row: Any) -> dict[str, object]:
    """Texts and numbers of a dataclass by name, those of the dataclasses in it too; texts in a tuple are joined.

    Arrays, mappings and tuples of numbers are left out. A name that the outer dataclass has itself is prefixed.

    >>> from markov.analysis.uncertainty.value_of_information import InformationValue, PartialValue
    >>> scalars(PartialValue("Costs", ("a", "b"), 25_000.0, InformationValue(66.0, 5.0)))["parameters"]
    'a; b'
    """
    found: dict[str, object] = {}
    types = {field.name: field.type for field in fields(row)}
    for name, declared in types.items():
        value = getattr(row, name)
        if value is None and declared in (str | None, float | None):
            found[name] = "" if declared == str | None else math.nan
        elif isinstance(value, str):
            found[name] = str(value)
        elif isinstance(value, bool | int | float):
            found[name] = value
        elif is_dataclass(value):
            found |= {f"{name}_{key}" if key in types else key: each for key, each in scalars(value).items()}
        elif isinstance(value, tuple) and all(isinstance(each, str) for each in value):
            found[name] = "; ".join(value)
    return found


def grid_frame(axes: Mapping[str, Iterable[Hashable]], **figures: ArrayLike) -> "DataFrame":
    """A table with a row for each combination of axes; figures have their shape, or an axis of length 1 in it.

    >>> grid_frame({"run": range(2), "strategy": ["old", "new"]}, cost=np.array([[0.0, 9.0], [0.0, 8.0]]))["cost"].sum()
    np.float64(17.0)
    """
    import pandas as pd

    levels = [list(axis) for axis in axes.values()]
    index, shape = pd.MultiIndex.from_product(levels, names=list(axes)), [len(level) for level in levels]
    return pd.DataFrame({name: np.broadcast_to(v, shape).ravel() for name, v in figures.items()}, index).reset_index()
