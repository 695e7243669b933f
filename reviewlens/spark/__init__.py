"""Spark on this machine or on a cluster: its session, a Java for it, and how many workers fit."""
