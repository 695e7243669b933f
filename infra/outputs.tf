output "url" {
  description = "Where to send a browser."
  value       = module.edge.url
}

output "environment" {
  description = "The settings that make a backend, wherever it runs, one of this installation's."
  value       = merge(local.connections, { AWS_REGION = var.region })
}

output "deployment" {
  description = "What scripts/push_images.py and scripts/deploy.py need to know, as JSON."
  value = {
    region       = var.region
    cluster      = module.compute.cluster
    services     = module.compute.services
    task_family  = module.compute.pipeline_family
    repositories = module.registry.urls
    backend_url  = module.edge.url
    frontend_url = module.edge.url
  }
}

output "repositories" {
  description = "Where images are pushed, by part."
  value       = module.registry.urls
}

output "user_pool_id" {
  description = "For `aws cognito-idp admin-create-user`."
  value       = module.identity.user_pool_id
}

output "bucket" {
  value = module.storage.bucket
}

output "logs_bucket" {
  value = module.storage.logs_bucket
}

output "jobs_table" {
  value = module.jobs.name
}

output "log_groups" {
  value = module.observability.log_groups
}

output "dashboard" {
  value = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards:name=${module.observability.dashboard}"
}

output "operator_key_secret" {
  description = "Name of the secret that holds the operator's key."
  value       = aws_secretsmanager_secret.operator_key.name
}

output "load_balancer_dns_name" {
  description = "What your own domain's record points to, where hosted_zone_id is empty."
  value       = module.edge.load_balancer_dns_name
}

output "github_images_role_arn" {
  value = var.github_repository == "" ? "" : module.delivery[0].role_arns["images"]
}

output "github_deploy_role_arn" {
  value = var.github_repository == "" ? "" : module.delivery[0].role_arns["deploy"]
}
