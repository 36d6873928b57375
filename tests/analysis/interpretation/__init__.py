"""Tests of `markov.analysis.interpretation`."""
