"""The miniature world with its planted bias, and the training of its models."""
