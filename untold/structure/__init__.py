"""Maps, clusters and who is in them."""
