"""The Spark batch job over one upload: read, clean, infer, summarise, with progress and checkpoints."""
