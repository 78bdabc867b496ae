"""Located sheet -> lead images and signals."""
