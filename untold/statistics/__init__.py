"""Resampling, contrasts, variance and multiplicity."""
