# The cluster, the two services, and what a job's task is.

data "aws_region" "current" {}

locals {
  # Read-only roots; what is written goes to these two, which the images declare as volumes of their user.
  volumes = ["data", "tmp"]

  mounts = [for volume in local.volumes : { sourceVolume = volume, containerPath = "/${volume}", readOnly = false }]

  containers = {
    for part in ["backend", "frontend", "pipeline"] : part => {
      name                   = part
      image                  = var.images[part]
      essential              = true
      readonlyRootFilesystem = true
      mountPoints            = local.mounts
      linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
      environment            = [for name in sort(keys(var.environment[part])) : { name = name, value = var.environment[part][name] }]

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = var.log_groups[part]
          awslogs-region        = data.aws_region.current.name
          awslogs-stream-prefix = part
          mode                  = "non-blocking"
          max-buffer-size       = "25m"
        }
      }
    }
  }

  services = {
    backend = merge(local.containers.backend, {
      stopTimeout  = 60
      portMappings = [{ name = "http", containerPort = var.ports.backend, hostPort = var.ports.backend, protocol = "tcp" }]
      secrets      = [{ name = "REVIEWLENS_OPERATOR_KEY", valueFrom = var.operator_key_arn }]
    })
    frontend = merge(local.containers.frontend, {
      stopTimeout  = 30
      portMappings = [{ name = "http", containerPort = var.ports.frontend, hostPort = var.ports.frontend, protocol = "tcp" }]
    })
  }
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

# ---- backend and UI -----------------------------------------------------------------------------------------------------

resource "aws_ecs_task_definition" "service" {
  for_each = local.services

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.sizes[each.key].cpu
  memory                   = var.sizes[each.key].memory
  task_role_arn            = var.role_arns[each.key]
  execution_role_arn       = var.role_arns["${each.key}-execution"]
  container_definitions    = jsonencode([each.value])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  dynamic "volume" {
    for_each = local.volumes

    content {
      name = volume.value
    }
  }
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "${var.name}.internal"
  description = "How the UI finds the backend"
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "backend" {
  name          = "backend"
  namespace_id  = aws_service_discovery_private_dns_namespace.this.id
  force_destroy = true

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}

resource "aws_ecs_service" "this" {
  for_each = local.services
  #checkov:skip=CKV_AWS_333:without NAT the services reach Cognito by a public address that nothing may connect to; nat_gateway = true takes it away

  name                              = each.key
  cluster                           = aws_ecs_cluster.this.id
  task_definition                   = aws_ecs_task_definition.service[each.key].arn
  desired_count                     = var.task_counts[each.key]
  propagate_tags                    = "SERVICE"
  availability_zone_rebalancing     = "ENABLED"
  health_check_grace_period_seconds = 120

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  network_configuration {
    subnets          = var.service_subnet_ids
    security_groups  = [var.security_group_ids[each.key]]
    assign_public_ip = var.service_public_ip
  }

  load_balancer {
    target_group_arn = var.target_group_arns[each.key]
    container_name   = each.key
    container_port   = var.ports[each.key]
  }

  dynamic "service_registries" {
    for_each = each.key == "backend" ? [aws_service_discovery_service.backend.arn] : []

    content {
      registry_arn = service_registries.value
    }
  }

  # scripts/deploy.py moves services to new revisions, which it makes from the newest one here.
  lifecycle {
    ignore_changes = [task_definition]
  }

  depends_on = [aws_ecs_cluster_capacity_providers.this]
}

# ---- a job --------------------------------------------------------------------------------------------------------------

resource "aws_ecs_task_definition" "pipeline" {
  family                   = "${var.name}-pipeline"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.sizes.pipeline.cpu
  memory                   = var.sizes.pipeline.memory
  task_role_arn            = var.role_arns["pipeline"]
  execution_role_arn       = var.role_arns["pipeline-execution"]

  container_definitions = jsonencode([merge(local.containers.pipeline, {
    command = ["python", "sentiment-pipeline/run_all.py"]
    # Time to commit the slice in hand: as long as Fargate allows, and as long as Spot warns.
    stopTimeout = 120
  })])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  ephemeral_storage {
    size_in_gib = var.sizes.pipeline.disk
  }

  dynamic "volume" {
    for_each = local.volumes

    content {
      name = volume.value
    }
  }
}
