"""Everything that crosses a process border, typed: object keys, job specifications, every output and document."""
