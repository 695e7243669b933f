"""Spark, on this machine or on a cluster: its session, its Java, and the number of workers."""
