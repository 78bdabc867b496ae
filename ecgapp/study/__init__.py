"""Training and judging models; offline only."""
