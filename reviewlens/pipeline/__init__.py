"""The Spark batch job over one upload: it reads, cleans, scores and summarises, with progress and checkpoints."""
