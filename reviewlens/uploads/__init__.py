"""Uploads: files are received, described, corrected and deleted."""
