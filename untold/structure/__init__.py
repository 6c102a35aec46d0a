"""Maps and clusters of images, and the composition of the clusters."""
