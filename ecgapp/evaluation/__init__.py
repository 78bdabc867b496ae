"""Predictions -> figures of merit; what the evaluation pages show."""
