# Names and policies together: what uses a role waits until it may do its work.
output "arns" {
  value = { for part, role in aws_iam_role.this : part => role.arn }

  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.backend, aws_iam_role_policy.pipeline]
}

output "emr_arn" {
  value = var.emr ? aws_iam_role.emr[0].arn : ""

  depends_on = [aws_iam_role_policy.emr]
}
