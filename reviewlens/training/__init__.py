"""Making a model: corpora, fine-tuning, distillation, averaging."""
