# Environment variables of the programs (docs/configuration.md), from the resources in the other files.

locals {
  shared_environment = {
    REVIEWLENS_ENVIRONMENT         = local.cloudfront || local.tls ? "production" : "development"
    REVIEWLENS_COOKIE_SECURE       = tostring(local.cloudfront || local.tls)
    REVIEWLENS_DATA_DIR            = "/data"
    REVIEWLENS_HOST                = "0.0.0.0"
    REVIEWLENS_PUBLIC_BACKEND_URL  = local.url
    REVIEWLENS_PUBLIC_FRONTEND_URL = local.url
  }

  # What a backend needs to join this installation, wherever it runs.
  connections = merge(
    {
      REVIEWLENS_STORE                = "s3://${aws_s3_bucket.data.id}"
      REVIEWLENS_JOBS_TABLE           = aws_dynamodb_table.jobs.name
      REVIEWLENS_IDENTITY             = "cognito"
      REVIEWLENS_COGNITO_USER_POOL    = aws_cognito_user_pool.main.id
      REVIEWLENS_COGNITO_CLIENT       = aws_cognito_user_pool_client.backend.id
      REVIEWLENS_COGNITO_DOMAIN       = "https://${aws_cognito_user_pool_domain.main.domain}.auth.${var.region}.amazoncognito.com"
      REVIEWLENS_LAUNCHER             = "fargate"
      REVIEWLENS_ECS_CLUSTER          = var.name
      REVIEWLENS_ECS_TASK_DEFINITION  = "${var.name}-pipeline"
      REVIEWLENS_ECS_CONTAINER        = "pipeline"
      REVIEWLENS_ECS_SUBNETS          = join(",", local.job_subnet_ids)
      REVIEWLENS_ECS_SECURITY_GROUPS  = aws_security_group.pipeline.id
      REVIEWLENS_ECS_ASSIGN_PUBLIC_IP = tostring(local.job_public_ip)
      REVIEWLENS_ECS_SPOT             = tostring(var.spot)
      REVIEWLENS_ECS_MAX_VCPU         = tostring(var.fargate_vcpu_quota)
      REVIEWLENS_MAX_CONCURRENT_JOBS  = tostring(var.max_concurrent_jobs)
      REVIEWLENS_ENGINE               = var.engine
    },
    var.settings,
  )

  # The proxies whose X-Forwarded-For is trusted: the load balancer and CloudFront.
  proxy_cidrs = concat(
    [var.vpc_cidr],
    local.cloudfront ? sort([for entry in data.aws_ec2_managed_prefix_list.cloudfront[0].entries : entry.cidr]) : [],
  )

  backend_environment = merge(local.shared_environment, local.connections, {
    REVIEWLENS_BACKEND_PORT = tostring(local.ports.backend)
    # Request limits then count client addresses and not the load balancer's.
    REVIEWLENS_TRUSTED_PROXIES = join(",", local.proxy_cidrs)
  })

  frontend_environment = merge(local.shared_environment, {
    REVIEWLENS_FRONTEND_PORT = tostring(local.ports.frontend)
    REVIEWLENS_BACKEND_URL   = "http://backend.${var.name}.internal:${local.ports.backend}"
  })

  environment = {
    backend  = local.backend_environment
    frontend = local.frontend_environment
    pipeline = {} # a job's settings are in its specification, fixed when it was submitted
  }
}
