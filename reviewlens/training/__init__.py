"""Training of a model: corpora, fine-tuning, distillation, averaging."""
