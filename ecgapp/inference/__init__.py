"""Lead images, signals and measurements -> probabilities, verdict, abstention."""
