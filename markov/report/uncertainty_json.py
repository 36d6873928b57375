"""The numbers of a probabilistic analysis as JSON: the key `psa` of schema 1."""

import json
from typing import Any

from markov.analysis.probabilistic import Probabilistic


def probabilistic_json(result: Probabilistic) -> str:
    """Summaries, decisions, invariants and draws at full precision; missing numbers are null."""
    sample = result.sample
    document: dict[str, Any] = {
        "schema": 1,
        "psa": {
            "runs": sample.runs,
            "strategies": list(sample.strategies),
            "summaries": [
                {
                    "quantity": s.quantity,
                    "strategy": s.strategy,
                    "versus": s.versus,
                    "threshold": s.threshold,
                    "deterministic": s.deterministic,
                    "mean": s.mean,
                    "standard_error": s.standard_error,
                    "low": s.low,
                    "high": s.high,
                }
                for s in result.summaries
            ],
            "decisions": [
                {
                    "threshold": float(threshold),
                    "best": sample.strategies[result.decisions.best[i]],
                    "probability": dict(zip(sample.strategies, result.decisions.probability[i].tolist(), strict=True)),
                    "expected_loss": dict(zip(sample.strategies, result.decisions.loss[i].tolist(), strict=True)),
                    "evpi": float(result.decisions.evpi[i]),
                }
                for i, threshold in enumerate(result.decisions.thresholds)
            ],
            "invariants": [
                {"id": i.rule.id, "draws": i.draws, "breaches": i.breaches, "worst": i.worst} for i in sample.invariants
            ],
            "draws": {
                name: dict(zip(sample.strategies, values.T.tolist(), strict=True))
                for name, values in (("cost", sample.cost), ("qaly", sample.qaly), ("life_years", sample.life_years))
            },
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False)
