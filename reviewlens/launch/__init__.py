"""Launchers, which start a job's task: a subprocess on a laptop, a Fargate task on AWS."""
