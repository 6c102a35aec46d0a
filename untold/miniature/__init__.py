"""The embedded world whose bias was planted, and the training of its models."""
