"""Reading pictures and the labels that come with them."""
