# The load balancer: which paths go to the backend, everything else to the UI, nothing past CloudFront.

locals {
  tls  = var.certificate_arn != ""
  port = local.tls ? 443 : 80
  # A rule takes five values: four paths and CloudFront's secret.
  backend_rules = { for index, paths in chunklist(var.backend_paths, 4) : tostring(10 + index) => paths }
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_91:access_logs is on by default; a variable turns it off where there is no region to log to
  #checkov:skip=CKV2_AWS_20:port 80 is CloudFront's alone, or sends browsers on to HTTPS where there is a certificate
  #checkov:skip=CKV2_AWS_28:requests are limited per person and per address by the backend, log-ins by Cognito too; a web ACL can be attached
  #checkov:skip=CKV_AWS_150:deletion protection follows keep_data, which is true by default
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  security_groups            = [var.security_group_id]
  subnets                    = var.subnet_ids
  drop_invalid_header_fields = true
  enable_deletion_protection = var.keep_data
  idle_timeout               = 300

  dynamic "access_logs" {
    for_each = var.access_logs ? [1] : []

    content {
      bucket  = var.log_bucket
      prefix  = "load-balancer"
      enabled = true
    }
  }
}

resource "aws_lb_target_group" "backend" {
  #checkov:skip=CKV_AWS_378:inside the network, between groups that only the load balancer may reach
  name                 = "${var.name}-backend"
  port                 = var.backend_port
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  deregistration_delay = 60

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
  #checkov:skip=CKV_AWS_378:inside the network, between groups that only the load balancer may reach
  name                 = "${var.name}-frontend"
  port                 = var.frontend_port
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  deregistration_delay = 60

  # A Streamlit session lives in one process.
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

resource "aws_lb_listener" "this" {
  #checkov:skip=CKV_AWS_2:HTTPS where there is a certificate; otherwise CloudFront speaks HTTPS with browsers and is the only one let in here
  #checkov:skip=CKV_AWS_103:TLS 1.3 and 1.2 where there is a certificate; CloudFront otherwise
  load_balancer_arn = aws_lb.this.arn
  port              = local.port
  protocol          = local.tls ? "HTTPS" : "HTTP"
  certificate_arn   = local.tls ? var.certificate_arn : null
  ssl_policy        = local.tls ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not here."
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener" "to_https" {
  count = local.tls ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
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

# The operator's routes and the metrics are not for the world: reach them from inside (DEPLOYMENT.md).
resource "aws_lb_listener_rule" "closed" {
  listener_arn = aws_lb_listener.this.arn
  priority     = 1

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not here."
      status_code  = "404"
    }
  }

  condition {
    path_pattern {
      values = var.closed_paths
    }
  }
}

resource "aws_lb_listener_rule" "backend" {
  for_each = local.backend_rules

  listener_arn = aws_lb_listener.this.arn
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

  dynamic "condition" {
    for_each = var.cloudfront ? [1] : []

    content {
      http_header {
        http_header_name = "X-Origin-Secret"
        values           = [terraform_data.origin_secret[0].output]
      }
    }
  }
}

resource "aws_lb_listener_rule" "frontend" {
  listener_arn = aws_lb_listener.this.arn
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

  dynamic "condition" {
    for_each = var.cloudfront ? [1] : []

    content {
      http_header {
        http_header_name = "X-Origin-Secret"
        values           = [terraform_data.origin_secret[0].output]
      }
    }
  }
}

resource "aws_route53_record" "this" {
  count = local.tls && var.hosted_zone_id != "" ? 1 : 0

  zone_id = var.hosted_zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
