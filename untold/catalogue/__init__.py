"""What a study measures, writes and draws: one entry per metric, table and figure; data only, so planning reads it."""
