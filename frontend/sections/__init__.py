"""The parts of the dashboard, in the order in which they are read."""
