"""Launchers, which start a job's task: a subprocess on a laptop, a Fargate task or an EMR Serverless job on AWS."""
