# What the programs are told: the product's settings (docs/configuration.md), made of what was made here.

locals {
  shared_environment = {
    REVIEWLENS_ENVIRONMENT         = local.cloudfront || local.tls ? "production" : "development"
    REVIEWLENS_COOKIE_SECURE       = tostring(local.cloudfront || local.tls)
    REVIEWLENS_DATA_DIR            = "/data"
    REVIEWLENS_HOST                = "0.0.0.0"
    REVIEWLENS_PUBLIC_BACKEND_URL  = module.edge.url
    REVIEWLENS_PUBLIC_FRONTEND_URL = module.edge.url
  }

  # What makes a backend, wherever it runs, one of this installation's.
  connections = merge(
    {
      REVIEWLENS_STORE                = "s3://${module.storage.bucket}"
      REVIEWLENS_JOBS_TABLE           = module.jobs.name
      REVIEWLENS_IDENTITY             = "cognito"
      REVIEWLENS_COGNITO_USER_POOL    = module.identity.user_pool_id
      REVIEWLENS_COGNITO_CLIENT       = module.identity.client_id
      REVIEWLENS_SIGN_UP              = tostring(var.sign_up)
      REVIEWLENS_LAUNCHER             = "fargate"
      REVIEWLENS_ECS_CLUSTER          = var.name
      REVIEWLENS_ECS_TASK_DEFINITION  = "${var.name}-pipeline"
      REVIEWLENS_ECS_CONTAINER        = "pipeline"
      REVIEWLENS_ECS_SUBNETS          = join(",", module.network.job_subnet_ids)
      REVIEWLENS_ECS_SECURITY_GROUPS  = module.network.pipeline_group_id
      REVIEWLENS_ECS_ASSIGN_PUBLIC_IP = tostring(module.network.job_public_ip)
      REVIEWLENS_ECS_SPOT             = tostring(var.spot)
      REVIEWLENS_MAX_CONCURRENT_JOBS  = tostring(var.max_concurrent_jobs)
      REVIEWLENS_ENGINE               = var.engine
    },
    var.emr ? {
      REVIEWLENS_EMR_APPLICATION = module.emr[0].application_id
      REVIEWLENS_EMR_ROLE        = module.roles.emr_arn
      REVIEWLENS_EMR_ENTRY_POINT = "s3://${module.storage.bucket}/emr/run_all.py"
      REVIEWLENS_EMR_ARCHIVE     = "s3://${module.storage.bucket}/emr/environment.tar.gz"
      REVIEWLENS_EMR_OVER_BYTES  = tostring(var.emr_over_bytes)
    } : {},
    var.settings,
  )

  backend_environment = merge(local.shared_environment, local.connections, {
    REVIEWLENS_BACKEND_PORT = tostring(local.ports.backend)
    # uvicorn's own: whose X-Forwarded-For is believed, so that limits count browsers and not load balancers.
    FORWARDED_ALLOW_IPS = join(",", module.network.proxy_cidrs)
  })

  frontend_environment = merge(local.shared_environment, {
    REVIEWLENS_FRONTEND_PORT = tostring(local.ports.frontend)
    REVIEWLENS_BACKEND_URL   = "http://backend.${var.name}.internal:${local.ports.backend}"
  })

  # A job's settings are in its specification, frozen when it was submitted; its image says the rest.
  pipeline_environment = {}
}

# ---- the operator's key: drawn here, kept in Secrets Manager, never in Terraform's state ------------------------------------

ephemeral "aws_secretsmanager_random_password" "operator_key" {
  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "operator_key" {
  #checkov:skip=CKV2_AWS_57:rotated by raising operator_key_version: the services have to be started anew to take it
  name                    = "${var.name}/operator-key"
  description             = "ReviewLens: key of the operator's routes and of the metrics"
  kms_key_id              = module.encryption.key_arn
  recovery_window_in_days = var.keep_data ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "operator_key" {
  secret_id                = aws_secretsmanager_secret.operator_key.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.operator_key.random_password
  secret_string_wo_version = var.operator_key_version
}
