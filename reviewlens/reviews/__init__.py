"""Review tables: columns, reading, cleaning, validation."""
