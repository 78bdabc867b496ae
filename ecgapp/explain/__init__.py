"""What moved the verdict."""
