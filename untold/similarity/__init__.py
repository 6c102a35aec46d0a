"""How near a neutral image is to the marked ones, and what that number compares with."""
