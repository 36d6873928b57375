"""Tests of `markov.cli`."""
