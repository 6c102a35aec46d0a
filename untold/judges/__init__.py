"""What a classifier takes a picture for, how often it is right, and the shares that follow."""
