# What happened (logs), how it is going (dashboard), and when somebody must look (alarms, by mail).

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  namespace = "ReviewLens/${var.name}"
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:a year by default; log_days is yours to choose
  for_each = toset(["backend", "frontend", "pipeline"])

  name              = "/${var.name}/${each.value}"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

# ---- from the backend's log: it writes one line where a job ends, and once a minute how many wait ---------------------------

resource "aws_cloudwatch_log_metric_filter" "finished" {
  for_each = toset(["succeeded", "failed"])

  name           = "${var.name}-jobs-${each.value}"
  log_group_name = aws_cloudwatch_log_group.this["backend"].name
  pattern        = "{ $.job_state = \"${each.value}\" }"

  metric_transformation {
    namespace     = local.namespace
    name          = "Jobs${title(each.value)}"
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}

resource "aws_cloudwatch_log_metric_filter" "unfinished" {
  for_each = { waiting = "JobsWaiting", running = "JobsRunning" }

  name           = "${var.name}-jobs-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this["backend"].name
  pattern        = "{ $.jobs_${each.key} = * }"

  metric_transformation {
    namespace = local.namespace
    name      = each.value
    value     = "$.jobs_${each.key}"
    unit      = "Count"
  }
}

# ---- whom to tell -------------------------------------------------------------------------------------------------------

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.key_arn
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsAndBudgetsOfThisAccount"
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

  # EventBridge cannot be held to conditions in a topic's policy.
  statement {
    sid       = "Events"
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
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "mail" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

# ---- when ---------------------------------------------------------------------------------------------------------------

locals {
  load_balancer = { LoadBalancer = var.load_balancer }

  alarms = {
    jobs-failed = {
      description = "A job failed. Its error is in the run list and in the log."
      namespace   = local.namespace, metric = "JobsFailed", dimensions = {}
      statistic   = "Sum", period = 300, periods = 1, comparison = "GreaterThanOrEqualToThreshold", threshold = 1, missing = "notBreaching"
    }
    backlog = {
      description = "Many jobs have waited for a quarter of an hour. Raise max_concurrent_jobs, or look for jobs that hang."
      namespace   = local.namespace, metric = "JobsWaiting", dimensions = {}
      statistic   = "Minimum", period = 300, periods = 3, comparison = "GreaterThanOrEqualToThreshold", threshold = var.backlog, missing = "notBreaching"
    }
    silence = {
      description = "No backend has said anything for a quarter of an hour: none may be running."
      namespace   = local.namespace, metric = "JobsWaiting", dimensions = {}
      statistic   = "SampleCount", period = 300, periods = 3, comparison = "LessThanThreshold", threshold = 1, missing = "breaching"
    }
    backend-5xx = {
      description = "The backend answers with server errors."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count"
      dimensions  = merge(local.load_balancer, { TargetGroup = var.target_groups.backend })
      statistic   = "Sum", period = 300, periods = 1, comparison = "GreaterThanOrEqualToThreshold", threshold = 5, missing = "notBreaching"
    }
    frontend-5xx = {
      description = "The UI answers with server errors."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count"
      dimensions  = merge(local.load_balancer, { TargetGroup = var.target_groups.frontend })
      statistic   = "Sum", period = 300, periods = 1, comparison = "GreaterThanOrEqualToThreshold", threshold = 5, missing = "notBreaching"
    }
    load-balancer-5xx = {
      description = "The load balancer found nobody to answer."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.load_balancer
      statistic   = "Sum", period = 300, periods = 1, comparison = "GreaterThanOrEqualToThreshold", threshold = 5, missing = "notBreaching"
    }
    slow = {
      description = "One answer in twenty takes longer than ten seconds."
      namespace   = "AWS/ApplicationELB", metric = "TargetResponseTime"
      dimensions  = merge(local.load_balancer, { TargetGroup = var.target_groups.backend })
      statistic   = "p95", period = 300, periods = 3, comparison = "GreaterThanThreshold", threshold = 10, missing = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
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

# A task that could not start, ran out of memory or ended with our own fault, as ECS tells it: without any backend's help.
resource "aws_cloudwatch_event_rule" "task_died" {
  name        = "${var.name}-task-died"
  description = "A job's task ended by something other than the job's own outcome"

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = ["arn:aws:ecs:${local.region}:${local.account}:cluster/${var.name}"]
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
