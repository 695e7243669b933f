output "log_groups" {
  value = { for part, group in aws_cloudwatch_log_group.this : part => group.name }
}

output "topic_arn" {
  value = aws_sns_topic_policy.alarms.arn
}

output "dashboard" {
  value = aws_cloudwatch_dashboard.this.dashboard_name
}
