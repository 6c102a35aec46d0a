"""Identities, atomic files, devices and progress: the basis of all other packages."""
