"""Signals -> beats, intervals, axis, ST level, findings."""
