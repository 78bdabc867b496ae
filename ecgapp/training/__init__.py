"""Offline: networks, fitting, cross-validation, export, model cards."""
