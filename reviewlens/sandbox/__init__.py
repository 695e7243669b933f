"""Runs functions that read untrusted files in child processes with limits, so that no file ends or fills this one."""
