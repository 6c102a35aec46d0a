"""From prompts to stored images."""
