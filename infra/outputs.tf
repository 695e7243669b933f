# Values for people, scripts/ and GitHub's workflows: terraform output NAME.

output "url" {
  description = "Address of the installation, for a browser."
  value       = local.url
}

output "environment" {
  description = "Environment variables that connect a backend to this installation, wherever it runs."
  value       = merge(local.connections, { AWS_REGION = var.region })
}

output "deployment" {
  description = "Input of scripts/push_images.py and scripts/deploy.py, as JSON."
  value = {
    region       = var.region
    cluster      = aws_ecs_cluster.main.name
    services     = { for component, service in aws_ecs_service.services : component => service.name }
    task_family  = aws_ecs_task_definition.pipeline.family
    repositories = local.repository_urls
    jobs_table   = aws_dynamodb_table.jobs.name
    platform     = var.cpu_architecture == "ARM64" ? "linux/arm64" : "linux/amd64"
    backend_url  = local.url
    frontend_url = local.url
  }
}

output "repositories" {
  description = "Addresses of the image repositories, by component."
  value       = local.repository_urls
}

output "user_pool_id" {
  description = "ID of the Cognito user pool, for aws cognito-idp admin-create-user."
  value       = aws_cognito_user_pool.main.id
}

output "login_pages" {
  description = "Address of the user pool's log-in pages. The log-in of the installation redirects to it."
  value       = local.connections.REVIEWLENS_COGNITO_DOMAIN
}

output "bucket" {
  description = "Name of the bucket of uploads and results."
  value       = aws_s3_bucket.data.id
}

output "logs_bucket" {
  description = "Name of the bucket of access logs."
  value       = aws_s3_bucket_policy.logs.bucket
}

output "jobs_table" {
  description = "Name of the DynamoDB table of jobs."
  value       = aws_dynamodb_table.jobs.name
}

output "log_groups" {
  description = "Names of the CloudWatch log groups, by component."
  value       = { for component, group in aws_cloudwatch_log_group.components : component => group.name }
}

output "dashboard" {
  description = "Address of the CloudWatch dashboard in the AWS console."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards:name=${aws_cloudwatch_dashboard.main.dashboard_name}"
}

output "operator_key_secret" {
  description = "Name of the secret that holds the operator's key."
  value       = aws_secretsmanager_secret.operator_key.name
}

output "load_balancer_dns_name" {
  description = "Target of the DNS record that you create for domain_name where hosted_zone_id is empty."
  value       = aws_lb.main.dns_name
}

output "github_images_role_arn" {
  description = "Role of the GitHub workflow that pushes images; empty without github_repository."
  value       = local.github ? aws_iam_role.github["images"].arn : ""
}

output "github_deploy_role_arn" {
  description = "Role of the GitHub workflow that deploys; empty without github_repository."
  value       = local.github ? aws_iam_role.github["deploy"].arn : ""
}
