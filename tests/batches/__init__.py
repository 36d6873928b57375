"""Tests of `markov.batches`."""
