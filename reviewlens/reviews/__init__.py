"""What the columns of a file of reviews mean, and their values: mapping, ratings, dates, cleaning."""
