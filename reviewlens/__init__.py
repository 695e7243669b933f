"""ReviewLens: what customers feel, about what, and whether it is changing."""
