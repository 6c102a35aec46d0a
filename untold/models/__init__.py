"""Downloading models and embedding images and prompts with them."""
