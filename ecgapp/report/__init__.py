"""A diagnosis and figures of merit -> JSON, CSV, PDF, plots and overlays."""
