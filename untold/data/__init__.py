"""Tables, vectors and predictions on disk."""
