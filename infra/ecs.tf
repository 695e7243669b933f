# The ECS cluster, its two services (backend and frontend), and the task definition of a job.

locals {
  # Root file systems are read-only. Programs write to these two volumes, which belong to the image's user.
  volumes = ["data", "tmp"]

  mounts = [for volume in local.volumes : { sourceVolume = volume, containerPath = "/${volume}", readOnly = false }]

  containers = {
    for component in local.components : component => {
      name                   = component
      image                  = lookup(var.images, component, "${local.repository_urls[component]}:${var.image_tag}")
      essential              = true
      readonlyRootFilesystem = true
      mountPoints            = local.mounts
      linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
      environment            = [for name in sort(keys(local.environment[component])) : { name = name, value = local.environment[component][name] }]

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.components[component].name
          awslogs-region        = var.region
          awslogs-stream-prefix = component
          mode                  = "non-blocking"
          max-buffer-size       = "25m"
        }
      }
    }
  }

  task_counts = { backend = var.backend_tasks, frontend = var.frontend_tasks }
  services = {
    backend = merge(local.containers.backend, {
      stopTimeout  = 60
      portMappings = [{ name = "http", containerPort = local.ports.backend, hostPort = local.ports.backend, protocol = "tcp" }]
      secrets      = [{ name = "REVIEWLENS_OPERATOR_KEY", valueFrom = aws_secretsmanager_secret_version.operator_key.arn }]
    })
    frontend = merge(local.containers.frontend, {
      stopTimeout  = 30
      portMappings = [{ name = "http", containerPort = local.ports.frontend, hostPort = local.ports.frontend, protocol = "tcp" }]
    })
  }
}

resource "aws_ecs_cluster" "main" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

# ---- backend and frontend -----------------------------------------------------------------------------------------------

resource "aws_ecs_task_definition" "services" {
  for_each = local.services

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.task_sizes[each.key].cpu
  memory                   = var.task_sizes[each.key].memory
  task_role_arn            = aws_iam_role.ecs[each.key].arn
  execution_role_arn       = aws_iam_role.ecs["${each.key}-execution"].arn
  container_definitions    = jsonencode([each.value])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  dynamic "volume" {
    for_each = local.volumes

    content {
      name = volume.value
    }
  }

  # A task starts only once its roles have their permissions.
  depends_on = [
    aws_iam_role_policy.execution, aws_iam_role_policy.backend, aws_iam_role_policy.pipeline,
  ]
}

resource "aws_service_discovery_private_dns_namespace" "internal" {
  name        = "${var.name}.internal"
  description = "Address of the backend for the frontend"
  vpc         = aws_vpc.main.id
}

resource "aws_service_discovery_service" "backend" {
  name          = "backend"
  namespace_id  = aws_service_discovery_private_dns_namespace.internal.id
  force_destroy = true

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.internal.id
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

resource "aws_ecs_service" "services" {
  for_each = local.services
  #checkov:skip=CKV_AWS_333:without NAT the services reach Cognito from a public address that accepts no connections; nat_gateway = true removes it

  name                              = each.key
  cluster                           = aws_ecs_cluster.main.id
  task_definition                   = aws_ecs_task_definition.services[each.key].arn
  desired_count                     = local.task_counts[each.key]
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
    subnets          = local.service_subnet_ids
    security_groups  = [local.service_security_group_ids[each.key]]
    assign_public_ip = local.service_public_ip
  }

  load_balancer {
    target_group_arn = local.target_groups[each.key].arn
    container_name   = each.key
    container_port   = local.ports[each.key]
  }

  dynamic "service_registries" {
    for_each = each.key == "backend" ? [aws_service_discovery_service.backend.arn] : []

    content {
      registry_arn = service_registries.value
    }
  }

  # scripts/deploy.py registers new revisions from the newest one and moves the services to them.
  lifecycle {
    ignore_changes = [task_definition]
  }

  # A service can join a target group only once a listener uses it.
  depends_on = [aws_ecs_cluster_capacity_providers.main, aws_lb_listener_rule.backend, aws_lb_listener_rule.frontend]
}

# ---- a job --------------------------------------------------------------------------------------------------------------

resource "aws_ecs_task_definition" "pipeline" {
  family                   = "${var.name}-pipeline"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.task_sizes.pipeline.cpu
  memory                   = var.task_sizes.pipeline.memory
  task_role_arn            = aws_iam_role.ecs["pipeline"].arn
  execution_role_arn       = aws_iam_role.ecs["pipeline-execution"].arn

  container_definitions = jsonencode([merge(local.containers.pipeline, {
    command = ["python", "sentiment-pipeline/run_all.py"]
    # Time to finish the current slice: the most that Fargate allows, and as long as the Spot warning.
    stopTimeout = 120
  })])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  ephemeral_storage {
    size_in_gib = var.task_sizes.pipeline.disk
  }

  dynamic "volume" {
    for_each = local.volumes

    content {
      name = volume.value
    }
  }

  # A task starts only once its roles have their permissions.
  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.pipeline]
}
