# ReviewLens on AWS: what is made, and who gets what from whom. DEPLOYMENT.md leads through it.

data "aws_caller_identity" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  bucket  = "${var.name}-${local.account}-${var.region}"
  tls     = var.certificate_arn != ""
  # With a certificate of your own the load balancer ends TLS and CloudFront is left out.
  cloudfront = var.cloudfront && !local.tls
  ports      = { backend = 8000, frontend = 8501 }

  # The paths of the API (a test compares them with the backend's routes); all others are the UI's.
  backend_paths = [
    "/login", "/login/*", "/logout", "/refresh", "/me", "/sign-up", "/sign-up/*", "/session/*",
    "/.well-known/*", "/admin/*", "/uploads", "/uploads/*", "/trigger_pipeline", "/jobs", "/jobs/*", "/generate_dashboard", "/predict-sentiment",
    "/healthz", "/readyz", "/openapi.json",
  ]
  closed_paths = ["/operator", "/operator/*", "/metrics"]
}

module "encryption" {
  source = "./modules/encryption"

  name = var.name
}

module "network" {
  source = "./modules/network"

  name                = var.name
  cidr                = var.vpc_cidr
  interface_endpoints = var.interface_endpoints
  nat_gateway         = var.nat_gateway
  cloudfront          = local.cloudfront
  emr                 = var.emr
  bucket_arns         = ["arn:aws:s3:::${local.bucket}"]
  flow_logs           = var.flow_logs
  flow_log_bucket_arn = module.storage.logs_bucket_arn
  backend_port        = local.ports.backend
  frontend_port       = local.ports.frontend
}

module "storage" {
  source = "./modules/storage"

  bucket    = local.bucket
  key_arn   = module.encryption.key_arn
  keep_data = var.keep_data
  origins   = [module.edge.url]
  log_days  = var.log_days
}

module "identity" {
  source = "./modules/identity"

  name      = var.name
  keep_data = var.keep_data
  sign_up   = var.sign_up
}

module "registry" {
  source = "./modules/registry"

  name      = var.name
  key_arn   = module.encryption.key_arn
  keep_data = var.keep_data
}

module "jobs" {
  source = "./modules/jobs"

  name      = var.name
  key_arn   = module.encryption.key_arn
  keep_data = var.keep_data
}

module "roles" {
  source = "./modules/roles"

  name                = var.name
  bucket_arn          = "arn:aws:s3:::${local.bucket}"
  table_arn           = module.jobs.arn
  key_arn             = module.encryption.key_arn
  operator_key_arn    = aws_secretsmanager_secret.operator_key.arn
  repository_arns     = module.registry.arns
  emr                 = var.emr
  emr_application_arn = var.emr ? module.emr[0].application_arn : ""
}

module "edge" {
  source = "./modules/edge"

  name                  = var.name
  vpc_id                = module.network.vpc_id
  subnet_ids            = module.network.public_subnet_ids
  security_group_id     = module.network.load_balancer_group_id
  cloudfront            = local.cloudfront
  certificate_arn       = var.certificate_arn
  domain_name           = var.domain_name
  hosted_zone_id        = var.hosted_zone_id
  access_logs           = var.access_logs
  log_bucket            = module.storage.logs_bucket
  keep_data             = var.keep_data
  origin_secret_version = var.origin_secret_version
  backend_port          = local.ports.backend
  frontend_port         = local.ports.frontend
  backend_paths         = local.backend_paths
  closed_paths          = local.closed_paths
}

module "emr" {
  source = "./modules/emr"
  count  = var.emr ? 1 : 0

  name              = var.name
  subnet_ids        = module.network.job_subnet_ids
  security_group_id = module.network.pipeline_group_id
}

module "compute" {
  source = "./modules/compute"

  name             = var.name
  vpc_id           = module.network.vpc_id
  images           = { for part, url in module.registry.urls : part => lookup(var.images, part, "${url}:${var.image_tag}") }
  operator_key_arn = aws_secretsmanager_secret_version.operator_key.arn
  role_arns        = module.roles.arns
  log_groups       = module.observability.log_groups
  ports            = local.ports
  task_counts      = { backend = var.backend_tasks, frontend = var.frontend_tasks }

  environment = {
    backend  = local.backend_environment
    frontend = local.frontend_environment
    pipeline = local.pipeline_environment
  }

  service_subnet_ids = module.network.service_subnet_ids
  service_public_ip  = module.network.service_public_ip
  security_group_ids = { backend = module.network.backend_group_id, frontend = module.network.frontend_group_id }
  target_group_arns  = { backend = module.edge.backend_target_group_arn, frontend = module.edge.frontend_target_group_arn }
}

module "observability" {
  source = "./modules/observability"

  name          = var.name
  key_arn       = module.encryption.key_arn
  log_days      = var.log_days
  alarms        = var.alarms
  emails        = var.alarm_emails
  backlog       = var.backlog_alarm
  load_balancer = module.edge.load_balancer_suffix
  target_groups = { backend = module.edge.backend_target_group_suffix, frontend = module.edge.frontend_target_group_suffix }
}

module "budget" {
  source = "./modules/budget"
  count  = var.monthly_budget > 0 ? 1 : 0

  name      = var.name
  dollars   = var.monthly_budget
  topic_arn = module.observability.topic_arn
}

module "delivery" {
  source = "./modules/delivery"
  count  = var.github_repository == "" ? 0 : 1

  name              = var.name
  repository        = var.github_repository
  oidc_provider_arn = var.github_oidc_provider_arn
  repository_arns   = values(module.registry.arns)
  task_role_arns    = values(module.roles.arns)
}
