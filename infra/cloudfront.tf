# HTTPS on CloudFront's own domain, where no certificate is given (local.cloudfront). CloudFront forwards every request and
# caches nothing. The load balancer answers only requests that carry this distribution's secret header.

data "aws_secretsmanager_random_password" "origin" {
  count = local.cloudfront ? 1 : 0

  password_length     = 48
  exclude_punctuation = true
}

# Keeps the generated password until the version is raised.
resource "terraform_data" "origin_secret" {
  count = local.cloudfront ? 1 : 0

  input            = sensitive(data.aws_secretsmanager_random_password.origin[0].random_password)
  triggers_replace = var.origin_secret_version

  lifecycle {
    ignore_changes = [input]
  }
}

data "aws_cloudfront_cache_policy" "none" {
  count = local.cloudfront ? 1 : 0

  name = "Managed-CachingDisabled"
}

data "aws_cloudfront_origin_request_policy" "everything" {
  count = local.cloudfront ? 1 : 0

  name = "Managed-AllViewer"
}

data "aws_cloudfront_response_headers_policy" "security" {
  count = local.cloudfront ? 1 : 0

  name = "Managed-SecurityHeadersPolicy"
}

resource "aws_cloudfront_distribution" "main" {
  #checkov:skip=CKV_AWS_68:the backend limits requests per user and per address, Cognito limits log-ins; a web ACL can be attached
  #checkov:skip=CKV2_AWS_47:no web ACL by default, for the same reason
  #checkov:skip=CKV_AWS_86:the load balancer behind it logs every request
  #checkov:skip=CKV_AWS_174:the default certificate allows no other policy; browsers use TLS 1.2 or 1.3, and a domain of your own does not use CloudFront
  #checkov:skip=CKV2_AWS_42:CloudFront serves its own domain only; with a domain of your own the load balancer ends TLS
  #checkov:skip=CKV_AWS_305:the origin answers at / itself, so no default root object is needed
  #checkov:skip=CKV_AWS_310:the one origin runs in two zones; a second region is a decision about cost
  #checkov:skip=CKV_AWS_374:users may be anywhere; add a restriction where they are not
  count = local.cloudfront ? 1 : 0

  enabled         = true
  comment         = "ReviewLens (${var.name})"
  is_ipv6_enabled = true
  price_class     = "PriceClass_100"
  http_version    = "http2"

  origin {
    origin_id   = "load-balancer"
    domain_name = aws_lb.main.dns_name

    custom_origin_config {
      http_port                = 80
      https_port               = 443
      origin_protocol_policy   = "http-only"
      origin_ssl_protocols     = ["TLSv1.2"]
      origin_read_timeout      = 60
      origin_keepalive_timeout = 60
    }

    custom_header {
      name  = "X-Origin-Secret"
      value = terraform_data.origin_secret[0].output
    }
  }

  default_cache_behavior {
    target_origin_id           = "load-balancer"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = data.aws_cloudfront_cache_policy.none[0].id
    origin_request_policy_id   = data.aws_cloudfront_origin_request_policy.everything[0].id
    response_headers_policy_id = data.aws_cloudfront_response_headers_policy.security[0].id
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }
}
