"""Offline: speed, reading, measuring, counterfactuals, published models."""
