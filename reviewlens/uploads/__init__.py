"""What people send in: files received, described, corrected and deleted."""
