# One page: jobs, answers, machines, and the last errors.

locals {
  balancer = ["LoadBalancer", var.load_balancer]
  service  = { for part in ["backend", "frontend"] : part => ["ClusterName", var.name, "ServiceName", part] }

  graphs = [
    { title = "Jobs finished", stat = "Sum", metrics = [
      [local.namespace, "JobsSucceeded"],
      [local.namespace, "JobsFailed"],
    ] },
    { title = "Jobs waiting and running", stat = "Maximum", metrics = [
      [local.namespace, "JobsWaiting"],
      [local.namespace, "JobsRunning"],
    ] },
    { title = "Requests", stat = "Sum", metrics = [
      concat(["AWS/ApplicationELB", "RequestCount"], local.balancer),
      concat(["AWS/ApplicationELB", "HTTPCode_Target_4XX_Count"], local.balancer),
      concat(["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"], local.balancer),
      concat(["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count"], local.balancer),
    ] },
    { title = "Seconds to answer, 95th percentile", stat = "p95", metrics = [
      for part in ["backend", "frontend"] :
      concat(["AWS/ApplicationELB", "TargetResponseTime"], local.balancer, ["TargetGroup", var.target_groups[part]])
    ] },
    { title = "Processor, per cent", stat = "Average", metrics = [
      for part in ["backend", "frontend"] : concat(["AWS/ECS", "CPUUtilization"], local.service[part])
    ] },
    { title = "Memory, per cent", stat = "Maximum", metrics = [
      for part in ["backend", "frontend"] : concat(["AWS/ECS", "MemoryUtilization"], local.service[part])
    ] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [for index, graph in local.graphs : {
        type   = "metric"
        x      = (index % 2) * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = graph.title
          region  = local.region
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
          region = local.region
          view   = "table"
          query = join(" | ", [
            "SOURCE '${aws_cloudwatch_log_group.this["backend"].name}' | SOURCE '${aws_cloudwatch_log_group.this["pipeline"].name}'",
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
