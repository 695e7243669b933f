# EMR Serverless for files that one task would take too long for: nothing runs, and nothing costs, between jobs.

resource "aws_emrserverless_application" "this" {
  name          = var.name
  type          = "spark"
  release_label = var.release
  architecture  = "X86_64"

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = 5
  }

  maximum_capacity {
    cpu    = "${var.max_vcpu} vCPU"
    memory = "${var.max_vcpu * 8} GB"
  }

  network_configuration {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }
}

output "application_id" {
  value = aws_emrserverless_application.this.id
}

output "application_arn" {
  value = aws_emrserverless_application.this.arn
}
