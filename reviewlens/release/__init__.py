"""Release of a model: convert, quantise, calibrate, fit the cascade, measure, describe and package it."""
