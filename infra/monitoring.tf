# Logs, metrics made from them, and alarms by e-mail. The dashboard is in dashboard.tf.

locals {
  metric_namespace = "ReviewLens/${var.name}"
}

resource "aws_cloudwatch_log_group" "components" {
  #checkov:skip=CKV_AWS_338:a year by default; var.log_days sets it
  for_each = local.components

  name              = "/${var.name}/${each.value}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.main.arn
}

# ---- metrics from the backend's log: one line when a job ends, and the number of jobs waiting and running every minute -----

resource "aws_cloudwatch_log_metric_filter" "finished" {
  for_each = toset(["succeeded", "failed"])

  name           = "${var.name}-jobs-${each.value}"
  log_group_name = aws_cloudwatch_log_group.components["backend"].name
  pattern        = "{ $.job_state = \"${each.value}\" }"

  metric_transformation {
    namespace     = local.metric_namespace
    name          = "Jobs${title(each.value)}"
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}

resource "aws_cloudwatch_log_metric_filter" "unfinished" {
  for_each = { waiting = "JobsWaiting", running = "JobsRunning" }

  name           = "${var.name}-jobs-${each.key}"
  log_group_name = aws_cloudwatch_log_group.components["backend"].name
  pattern        = "{ $.jobs_${each.key} = * }"

  metric_transformation {
    namespace = local.metric_namespace
    name      = each.value
    value     = "$.jobs_${each.key}"
    unit      = "Count"
  }
}

# ---- notifications ------------------------------------------------------------------------------------------------------

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.main.arn
}

data "aws_iam_policy_document" "alarms_topic" {
  statement {
    sid       = "PublishAlarmsAndBudgets"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }

  # EventBridge supports no conditions in a topic policy.
  statement {
    sid       = "PublishEvents"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms_topic.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

# ---- alarms -------------------------------------------------------------------------------------------------------------

locals {
  load_balancer_dimension = { LoadBalancer = aws_lb.main.arn_suffix }

  alarms = {
    jobs-failed = {
      description = "A job failed. The run list and the log show its error."
      namespace   = local.metric_namespace, metric = "JobsFailed", dimensions = {}
      statistic   = "Sum", period = 300, periods = 1, comparison = "GreaterThanOrEqualToThreshold", threshold = 1, missing = "notBreaching"
    }
    backlog = {
      description = "Many jobs have waited for 15 minutes. Raise max_concurrent_jobs, or look for jobs that make no progress."
      namespace   = local.metric_namespace, metric = "JobsWaiting", dimensions = {}
      statistic   = "Minimum", period = 300, periods = 3, comparison = "GreaterThanOrEqualToThreshold", threshold = var.backlog_alarm, missing = "notBreaching"
    }
    backend-5xx = {
      description = "The backend returns server errors (5xx)."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count"
      dimensions  = merge(local.load_balancer_dimension, { TargetGroup = aws_lb_target_group.backend.arn_suffix })
      statistic   = "Sum", period = 300, periods = 1, comparison = "GreaterThanOrEqualToThreshold", threshold = 5, missing = "notBreaching"
    }
    frontend-5xx = {
      description = "The frontend returns server errors (5xx)."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count"
      dimensions  = merge(local.load_balancer_dimension, { TargetGroup = aws_lb_target_group.frontend.arn_suffix })
      statistic   = "Sum", period = 300, periods = 1, comparison = "GreaterThanOrEqualToThreshold", threshold = 5, missing = "notBreaching"
    }
    load-balancer-5xx = {
      description = "The load balancer returns server errors (5xx): no healthy task answers."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.load_balancer_dimension
      statistic   = "Sum", period = 300, periods = 1, comparison = "GreaterThanOrEqualToThreshold", threshold = 5, missing = "notBreaching"
    }
    slow = {
      description = "The backend takes more than 10 seconds for 5 % of requests."
      namespace   = "AWS/ApplicationELB", metric = "TargetResponseTime"
      dimensions  = merge(local.load_balancer_dimension, { TargetGroup = aws_lb_target_group.backend.arn_suffix })
      statistic   = "p95", period = 300, periods = 3, comparison = "GreaterThanThreshold", threshold = 10, missing = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "all" {
  for_each = { for name, alarm in local.alarms : name => alarm if var.alarms }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# The backend writes its number of jobs every minute. The alarm is quiet while no backend is wanted: before the first start, and
# while somebody has set the service to no tasks.
resource "aws_cloudwatch_metric_alarm" "silence" {
  count = var.alarms ? 1 : 0

  alarm_name          = "${var.name}-silence"
  alarm_description   = "No backend has written a log line for 15 minutes, although its service wants tasks. Check that its tasks run."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "silent"
    label       = "A backend is wanted and none writes"
    expression  = "IF(FILL(wanted, 0) > 0 AND FILL(lines, 0) < 1, 1, 0)"
    return_data = true
  }

  metric_query {
    id = "wanted"

    metric {
      namespace   = "ECS/ContainerInsights"
      metric_name = "DesiredTaskCount"
      dimensions  = { ClusterName = aws_ecs_cluster.main.name, ServiceName = "backend" }
      stat        = "Minimum"
      period      = 300
    }
  }

  metric_query {
    id = "lines"

    metric {
      namespace   = local.metric_namespace
      metric_name = "JobsWaiting"
      stat        = "SampleCount"
      period      = 300
    }
  }
}

# ECS itself reports a job's task that could not start, ran out of memory or crashed, even when no backend runs.
resource "aws_cloudwatch_event_rule" "task_died" {
  name        = "${var.name}-task-died"
  description = "The task of a job failed to start, ran out of memory or crashed"

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = ["${local.ecs_arn}:cluster/${var.name}"]
      group      = ["family:${var.name}-pipeline"]
      lastStatus = ["STOPPED"]
      "$or" = [
        { containers = { exitCode = [1, 137] } },
        { stopCode = ["TaskFailedToStart"] },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "task_died" {
  rule = aws_cloudwatch_event_rule.task_died.name
  arn  = aws_sns_topic.alarms.arn
}
