"""Tests of `markov.batch`."""
