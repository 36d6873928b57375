"""Tests of `markov.analysis.evidence`."""
