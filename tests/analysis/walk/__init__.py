"""Tests of `markov.analysis.walk`."""
