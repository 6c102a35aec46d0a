"""Classify pictures, measure how often the classifier is right, and correct the resulting shares."""
