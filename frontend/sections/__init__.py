"""The sections of the dashboard."""
