"""Identity, atomic files, devices and progress: what everything else stands on."""
