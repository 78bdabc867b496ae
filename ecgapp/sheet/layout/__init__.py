"""What was detected -> the layout, and where each lead lies."""
