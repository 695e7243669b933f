"""The parts of the Analyse page: upload, detection and progress."""
