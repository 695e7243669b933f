# The load balancer sends the API's paths to the backend and all others to the frontend. With CloudFront it is internal: it
# has no public address, and CloudFront reaches it through a VPC origin.

locals {
  url = (
    local.tls ? "https://${var.domain_name}" :
    local.cloudfront ? "https://${aws_cloudfront_distribution.main[0].domain_name}" :
    "http://${aws_lb.main.dns_name}"
  )
  target_groups = { backend = aws_lb_target_group.backend, frontend = aws_lb_target_group.frontend }

  # Paths of the API; a test compares them with the backend's routes. All other paths belong to the frontend.
  backend_paths = [
    "/login", "/logout", "/refresh", "/me", "/session/*",
    "/.well-known/*", "/admin/*", "/uploads", "/uploads/*", "/trigger_pipeline", "/jobs", "/jobs/*", "/generate_dashboard", "/predict-sentiment",
    "/healthz", "/readyz", "/openapi.json", "/api/*",
  ]
  # Answered with 404 from outside. A rule takes at most five paths.
  closed_paths = ["/operator", "/operator/*", "/metrics"]
  # A rule takes at most five paths.
  backend_rules = { for index, paths in chunklist(local.backend_paths, 5) : tostring(10 + index) => paths }
}

resource "aws_lb" "main" {
  #checkov:skip=CKV_AWS_91:access_logs is true by default; var.access_logs turns it off
  #checkov:skip=CKV2_AWS_20:port 80 accepts CloudFront only, or redirects to HTTPS where there is a certificate
  #checkov:skip=CKV2_AWS_28:the backend limits requests per user and per address, Cognito limits log-ins; a web ACL can be attached
  #checkov:skip=CKV_AWS_150:deletion protection follows keep_data, which is true by default
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = local.cloudfront
  security_groups            = [aws_security_group.load_balancer.id]
  subnets                    = local.cloudfront ? aws_subnet.private[*].id : aws_subnet.public[*].id
  drop_invalid_header_fields = true
  enable_deletion_protection = var.keep_data
  idle_timeout               = 300

  dynamic "access_logs" {
    for_each = var.access_logs ? [1] : []

    content {
      # Through the policy, which must exist before the load balancer can write.
      bucket  = aws_s3_bucket_policy.logs.bucket
      prefix  = "load-balancer"
      enabled = true
    }
  }
}

resource "aws_lb_target_group" "backend" {
  #checkov:skip=CKV_AWS_378:plain HTTP inside the VPC; only the load balancer may reach the tasks
  name                 = "${var.name}-backend"
  port                 = local.ports.backend
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 60

  # Fails while no thread of the backend is free. /readyz would also fail, for all tasks at once, when AWS has an outage.
  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 4
  }
}

resource "aws_lb_target_group" "frontend" {
  #checkov:skip=CKV_AWS_378:plain HTTP inside the VPC; only the load balancer may reach the tasks
  name                 = "${var.name}-frontend"
  port                 = local.ports.frontend
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 60

  # A Streamlit session lives in one process, so a browser stays with its task.
  stickiness {
    type            = "lb_cookie"
    enabled         = true
    cookie_duration = 86400
  }

  health_check {
    path                = "/_stcore/health"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 4
  }
}

resource "aws_lb_listener" "main" {
  #checkov:skip=CKV_AWS_2:HTTPS where there is a certificate; otherwise CloudFront ends TLS and is the only client
  #checkov:skip=CKV_AWS_103:TLS 1.2 or 1.3 where there is a certificate; otherwise CloudFront ends TLS
  load_balancer_arn = aws_lb.main.arn
  port              = local.tls ? 443 : 80
  protocol          = local.tls ? "HTTPS" : "HTTP"
  certificate_arn   = local.tls ? var.certificate_arn : null
  ssl_policy        = local.tls ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not found."
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener" "redirect_to_https" {
  count = local.tls ? 1 : 0

  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

# The operator's routes and the metrics answer inside the VPC only (DEPLOYMENT.md shows how to reach them).
resource "aws_lb_listener_rule" "closed" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 1

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not found."
      status_code  = "404"
    }
  }

  condition {
    path_pattern {
      values = local.closed_paths
    }
  }
}

resource "aws_lb_listener_rule" "backend" {
  for_each = local.backend_rules

  listener_arn = aws_lb_listener.main.arn
  priority     = tonumber(each.key)

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.backend.arn
  }

  condition {
    path_pattern {
      values = each.value
    }
  }
}

resource "aws_lb_listener_rule" "frontend" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 100

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.frontend.arn
  }

  condition {
    path_pattern {
      values = ["/*"]
    }
  }
}

resource "aws_route53_record" "main" {
  count = local.tls && var.hosted_zone_id != "" ? 1 : 0

  zone_id = var.hosted_zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = aws_lb.main.dns_name
    zone_id                = aws_lb.main.zone_id
    evaluate_target_health = true
  }
}
