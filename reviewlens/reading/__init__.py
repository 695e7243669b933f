"""Reading a file of reviews: detection of format, encoding and dialect, and one reader a format."""
