"""From trained models to the bundle that ships: quantise, calibrate, fit the cascade, measure, describe, package."""
