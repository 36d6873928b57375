"""Synthesis of a workbook's trials: the flagship's figures, what is written, and rows that make no network."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from markov.analysis.draws import random_draws
from markov.analysis.evidence.networks import network_changes, networks, not_written
from markov.analysis.evidence.synthesis import SynthesisModel
from markov.inputs.definitions.schema import Sheet
from markov.inputs.evidence import TrialContrast
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs, read_sheets
from markov.inputs.writing.change_rows import regenerate, with_table_rows
from markov.inputs.writing.template import shipped
from tests.support.command import markov
from tests.support.reports import sheet_names

FLAGSHIP = shipped("post_transplant_uk")


@pytest.fixture(scope="module")
def flagship() -> Inputs:
    return read_inputs(FLAGSHIP)


def test_the_flagship_reproduces_the_pooled_figures_from_its_rows(flagship: Inputs) -> None:
    # Rows T074, T127, T248 (PFS) and T087, T140, T254 (OS) of the evidence, as the base cases quote their synthesis.
    found = {n.endpoint: n for n in networks(flagship, {"pfs": SynthesisModel.FIXED})}
    pfs, os_ = (found[e].comparisons()[0] for e in ("pfs", "os"))
    assert (pfs.treatment, os_.treatment) == ("lenalidomide", "lenalidomide")
    assert [round(x, 2) for x in (pfs.effect.ratio, pfs.effect.low, pfs.effect.high)] == [0.52, 0.47, 0.58]
    assert [round(x, 2) for x in (os_.effect.ratio, os_.effect.low, os_.effect.high)] == [0.73, 0.58, 0.93]
    i_squared = [found[e].used.heterogeneity.i_squared for e in ("pfs", "os")]
    assert [round(float(i or 0.0), 1) for i in i_squared] == [0.0, 0.6]
    rows = {
        row.page.removeprefix("evidence ") for n in found.values() for row in n.rows if row.treatment == "lenalidomide"
    }
    assert rows == {"T074", "T127", "T248", "T087", "T140", "T254"}


def test_the_command_writes_ratios_with_the_spread_of_a_new_trial(flagship: Inputs, tmp_path: Path) -> None:
    before = FLAGSHIP.read_bytes()
    target, report = tmp_path / "new.xlsx", tmp_path / "report.xlsx"
    options = ["--model", "pfs=fixed_effect", "--out", target, "--report", report]
    done = markov("network", FLAGSHIP, *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert FLAGSHIP.read_bytes() == before
    new = read_inputs(target)
    row = new.parameters["os.hazard_ratio.lenalidomide"]
    comparison = next(n for n in networks(flagship) if n.endpoint == "os").comparisons()[0]
    assert row.value == pytest.approx(comparison.effect.ratio, rel=1e-12)
    limits = (comparison.predicted.low, comparison.predicted.high)
    assert (row.low, row.high) == pytest.approx(limits, rel=1e-12)
    assert row.status == "unverified (low)", "no better than the weakest of its rows"
    assert new.text("pfs.family.lenalidomide") == "time_ratio", "a curve of its own stays"
    drawn = random_draws(new, 20_000, seed=4).columns()
    logs = np.log([drawn[f"os.hazard_ratio.{s}"] for s in ("lenalidomide", "thalidomide")])
    network = next(n for n in networks(flagship) if n.endpoint == "os")
    names = list(network.used.treatments[1:])
    at = [names.index(s) for s in ("lenalidomide", "thalidomide")]
    covariance = network.used.predictive_covariance[np.ix_(at, at)]
    np.testing.assert_allclose(np.cov(logs), covariance, atol=0.0025)  # four standard errors of 20,000 draws
    assert {"Network PFS", "Network OS", "New workbook"} <= set(sheet_names(report))


def test_what_stays_as_it_is_is_said(flagship: Inputs) -> None:
    told = [words for n in networks(flagship) for words in not_written(flagship, n)]
    assert "PFS of lenalidomide stays as it is, because it has a time_ratio curve of its own." in told
    assert "pfs.hazard_ratio.lenalidomide" not in network_changes(flagship, networks(flagship))


def with_network(inputs: Inputs, rows: Sequence[TrialContrast]) -> Inputs:
    return replace(inputs, network=tuple(rows))


GOOD = TrialContrast("os", "A", "lenalidomide", "no_maintenance", 0.8, 0.6, 1.1, place="a.xlsx, Evidence network!E5")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "the sheet holds no trial"),
        ([replace(GOOD, included=False)], "no row of os is included"),
        ([GOOD, replace(GOOD, trial="B", treatment="x", comparator="y")], r"x, y|y, x|x and y|connect"),
        ([replace(GOOD, low=None, high=None, p_value=0.0)], r"E5: os of A"),
    ],
)
def test_rows_that_make_no_network_are_refused_in_words(
    rows: list[TrialContrast], words: str, flagship: Inputs
) -> None:
    with pytest.raises(InputError, match=words):
        networks(with_network(flagship, rows))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hazard ratio": None}, "the hazard ratio of os of A is empty"),
        ({"hazard ratio": "0,8"}, "Write 0.8"),
        ({"low": 0.9}, "the interval of os of A holds 0.8"),
        ({"high": None}, "one limit of its interval"),
        ({"low": None, "high": None}, "nothing says how sure"),
        ({"low": None, "high": None, "p value": 4.0}, "Write 0.04, not 4 %"),
        ({"comparator": "lenalidomide"}, "compares lenalidomide with itself"),
        ({"endpoint": "ttp"}, "unknown endpoint"),
        ({"included": "perhaps"}, "unknown included"),
        ({"trial": None}, "names its trial"),
    ],
)
def test_rows_of_the_sheet_are_checked_where_they_stand(change: dict[str, object], words: str, tmp_path: Path) -> None:
    row = {"endpoint": "os", "trial": "A", "treatment": "lenalidomide", "comparator": "no_maintenance"}
    values = {"hazard ratio": 0.8, "low": 0.6, "high": 1.1, "included": "yes"}
    source = shipped("calgb_100104")
    sheets, _ = read_sheets(source)
    regenerate(source, with_table_rows(sheets, Sheet.NETWORK, (), [{**row, **values, **change}]), tmp_path / "b.xlsx")
    with pytest.raises(InputError, match="Evidence network!") as caught:
        read_inputs(tmp_path / "b.xlsx")
    assert words in str(caught.value)
