"""Authentication: user pools, their tokens and the one verifier for both kinds of pool."""
