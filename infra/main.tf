# Shared by the other files: the account, and values that depend on several variables.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  ecs_arn   = "arn:${local.partition}:ecs:${var.region}:${local.account}"

  # The programs, each with its own image, log and roles.
  components = toset(["backend", "frontend", "pipeline"])
  ports      = { backend = 8000, frontend = 8501 }

  tls = var.certificate_arn != ""
  # With a certificate the load balancer ends TLS itself and there is no CloudFront.
  cloudfront = var.cloudfront && !local.tls
}
