"""The parts of the Analyse page: what was detected in a file, and the progress of its job."""
