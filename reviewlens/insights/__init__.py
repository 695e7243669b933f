"""What a dashboard says about a finished job: filters, trends, changes, drivers, drill-down, export, report."""
