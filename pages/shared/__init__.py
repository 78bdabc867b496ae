"""What several pages share: figures, a session's readings, what the server is told."""
