"""Labelled folders: manifest, splits, audit, a user's own data."""
