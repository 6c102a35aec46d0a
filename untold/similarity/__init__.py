"""Similarity of neutral images to marked ones, and reference values to compare it with."""
