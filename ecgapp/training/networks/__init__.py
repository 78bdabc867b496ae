"""Architectures, one a file; offline only, pure Keras 3."""
