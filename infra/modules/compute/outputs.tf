output "cluster" {
  value = aws_ecs_cluster.this.name
}

output "services" {
  value = { for part, service in aws_ecs_service.this : part => service.name }
}

output "pipeline_family" {
  value = aws_ecs_task_definition.pipeline.family
}
