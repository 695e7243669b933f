"""What crosses a process border, typed, once: object keys, job specifications, the shape of every output."""
