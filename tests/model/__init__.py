"""Tests of `markov.model`."""
