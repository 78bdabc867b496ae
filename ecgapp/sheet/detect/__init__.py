"""What is printed on a rectified page: rows of curves, pulses, names, column marks."""
