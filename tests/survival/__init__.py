"""Tests of `markov.survival`."""
