"""Download models, and embed images and prompts with them."""
