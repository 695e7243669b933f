"""Who is calling: users, tokens, and the one verifier for both."""
