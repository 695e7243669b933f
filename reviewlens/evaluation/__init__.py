"""Judging an engine: measures with intervals, groups, baselines, behavioural tests, and the report."""
