"""The sentiment classifier: bundle, scoring engines, calibration, training, evaluation, export."""
