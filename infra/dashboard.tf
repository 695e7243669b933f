# The CloudWatch dashboard: jobs, requests, CPU and memory, and the latest errors.

locals {
  load_balancer_metric = ["LoadBalancer", aws_lb.main.arn_suffix]
  service_metric       = { for service in ["backend", "frontend"] : service => ["ClusterName", var.name, "ServiceName", service] }

  dashboard_graphs = [
    { title = "Jobs finished", stat = "Sum", metrics = [
      [local.metric_namespace, "JobsSucceeded"],
      [local.metric_namespace, "JobsFailed"],
    ] },
    { title = "Jobs waiting and running", stat = "Maximum", metrics = [
      [local.metric_namespace, "JobsWaiting"],
      [local.metric_namespace, "JobsRunning"],
    ] },
    { title = "Requests", stat = "Sum", metrics = [
      concat(["AWS/ApplicationELB", "RequestCount"], local.load_balancer_metric),
      concat(["AWS/ApplicationELB", "HTTPCode_Target_4XX_Count"], local.load_balancer_metric),
      concat(["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"], local.load_balancer_metric),
      concat(["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count"], local.load_balancer_metric),
    ] },
    { title = "Response time in seconds, 95th percentile", stat = "p95", metrics = [
      for service in ["backend", "frontend"] :
      concat(["AWS/ApplicationELB", "TargetResponseTime"], local.load_balancer_metric, ["TargetGroup", local.target_groups[service].arn_suffix])
    ] },
    { title = "CPU, percent", stat = "Average", metrics = [
      for service in ["backend", "frontend"] : concat(["AWS/ECS", "CPUUtilization"], local.service_metric[service])
    ] },
    { title = "Memory, percent", stat = "Maximum", metrics = [
      for service in ["backend", "frontend"] : concat(["AWS/ECS", "MemoryUtilization"], local.service_metric[service])
    ] },
  ]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [for index, graph in local.dashboard_graphs : {
        type   = "metric"
        x      = (index % 2) * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = graph.title
          region  = var.region
          view    = "timeSeries"
          period  = 300
          stat    = graph.stat
          metrics = graph.metrics
        }
      }],
      [{
        type   = "log"
        x      = 0
        y      = 18
        width  = 24
        height = 8
        properties = {
          title  = "Warnings and errors"
          region = var.region
          view   = "table"
          query = join(" | ", [
            "SOURCE '${aws_cloudwatch_log_group.components["backend"].name}' | SOURCE '${aws_cloudwatch_log_group.components["pipeline"].name}'",
            "fields @timestamp, level, message, request_id",
            "filter level in ['WARNING', 'ERROR', 'CRITICAL']",
            "sort @timestamp desc",
            "limit 50",
          ])
        }
      }],
    )
  })
}
