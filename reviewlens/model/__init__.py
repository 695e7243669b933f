"""The classifier as it scores: bundle, engines, cascade, explanation."""
