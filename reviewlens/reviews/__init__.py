"""Files of reviews: detection, reading, column mapping, cleaning, dates and ratings."""
