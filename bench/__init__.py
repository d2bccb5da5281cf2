"""Measures the tool against what it stands on, as ratios within one run."""
