"""The science: pure functions that know nothing of Snakemake."""
