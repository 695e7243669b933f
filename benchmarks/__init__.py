"""Measuring speed, memory, cost and what quantisation costs in accuracy; run by hand on an idle machine."""
