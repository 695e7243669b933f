"""A job's life: submit, progress, cancel, resume; its table."""
