"""Jobs: submission, dispatch, cancellation, resumption, and their table."""
