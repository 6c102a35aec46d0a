"""Measure who a text-to-image model draws when the prompt leaves it untold."""
