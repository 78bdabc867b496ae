"""Signals -> drawn sheets: simulated patients, many machines, and what befalls paper."""
