"""The model that scores: bundle, engines, cascade, explanation."""
