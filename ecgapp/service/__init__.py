"""Many files and many users: worker processes that read, and batches of files."""
