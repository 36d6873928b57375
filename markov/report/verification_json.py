"""The outcome of the verification bank as JSON: the key `verification` of schema 1."""

import json
from collections.abc import Sequence

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Tested
from markov.analysis.bank.run import count
from markov.report.sheets.provenance import program
from markov.terms import Verdict


def verification_json(bench: Bench, tested: Sequence[Tested]) -> str:
    """Every test with its verdict, and counts."""
    counts = count(tested)
    document = {
        "schema": 1,
        "program": program(),
        "workbook": {"name": bench.inputs.name, "sha256": bench.inputs.sha256, "title": bench.inputs.title},
        "confidential": list(bench.inputs.confidential),
        "verification": {
            "draws": bench.draws,
            "seed": bench.seed,
            "counts": {verdict.value: counts[verdict] for verdict in Verdict},
            "tests": [
                {
                    "id": each.test.id,
                    "theme": each.test.theme,
                    "title": each.test.title,
                    "done": each.test.done,
                    "expected": each.check.expected,
                    "observed": each.check.observed,
                    "verdict": each.check.verdict.value,
                    "note": each.check.note,
                    "source": each.test.source,
                }
                for each in tested
            ],
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False)
