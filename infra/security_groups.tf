# Security groups. Clients (or CloudFront only) reach the load balancer, the load balancer reaches the services, and the
# frontend reaches the backend. Nothing connects to a job.

data "aws_ec2_managed_prefix_list" "cloudfront" {
  count = local.cloudfront ? 1 : 0

  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "Load balancer"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-load-balancer" }
}

resource "aws_security_group" "backend" {
  name        = "${var.name}-backend"
  description = "Backend tasks"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-backend" }
}

resource "aws_security_group" "frontend" {
  name        = "${var.name}-frontend"
  description = "Frontend tasks"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-frontend" }
}

resource "aws_security_group" "pipeline" {
  #checkov:skip=CKV2_AWS_5:the backend attaches it to each task that it starts (settings.tf)
  name        = "${var.name}-pipeline"
  description = "Tasks of jobs, no incoming connections"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-pipeline" }
}

resource "aws_vpc_security_group_ingress_rule" "cloudfront" {
  #checkov:skip=CKV_AWS_260:open to CloudFront's addresses only (a prefix list), not to the internet
  count = local.cloudfront ? 1 : 0

  security_group_id = aws_security_group.load_balancer.id
  description       = "HTTP from CloudFront VPC origin"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront[0].id
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_ingress_rule" "world" {
  #checkov:skip=CKV_AWS_260:port 80 only redirects browsers to HTTPS (or serves an emulator)
  for_each = local.cloudfront ? [] : toset(["80", "443"])

  security_group_id = aws_security_group.load_balancer.id
  description       = each.value == "80" ? "HTTP, redirected to HTTPS" : "HTTPS from anywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
}

locals {
  # Connections between security groups.
  internal_flows = {
    load-balancer-backend  = { from = aws_security_group.load_balancer.id, to = aws_security_group.backend.id, port = local.ports.backend }
    load-balancer-frontend = { from = aws_security_group.load_balancer.id, to = aws_security_group.frontend.id, port = local.ports.frontend }
    frontend-backend       = { from = aws_security_group.frontend.id, to = aws_security_group.backend.id, port = local.ports.backend }
  }
  service_security_group_ids = {
    backend  = aws_security_group.backend.id
    frontend = aws_security_group.frontend.id
  }
}

resource "aws_vpc_security_group_ingress_rule" "internal" {
  for_each = local.internal_flows

  security_group_id            = each.value.to
  description                  = each.key
  referenced_security_group_id = each.value.from
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "internal" {
  for_each = local.internal_flows

  security_group_id            = each.value.from
  description                  = each.key
  referenced_security_group_id = each.value.to
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "services_https" {
  for_each = local.service_security_group_ids

  security_group_id = each.value
  description       = "HTTPS to AWS (Cognito is reached over the internet)"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# A job reaches S3 and the interface endpoints only; without endpoints, HTTPS anywhere.
resource "aws_vpc_security_group_egress_rule" "pipeline_s3" {
  count = local.private_jobs ? 1 : 0

  security_group_id = aws_security_group.pipeline.id
  description       = "S3"
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "pipeline_endpoints" {
  count = local.private_jobs ? 1 : 0

  security_group_id            = aws_security_group.pipeline.id
  description                  = "HTTPS to the interface endpoints"
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "pipeline_https" {
  count = local.private_jobs ? 0 : 1

  security_group_id = aws_security_group.pipeline.id
  description       = "HTTPS to AWS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
