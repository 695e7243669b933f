# HTTPS on CloudFront's own domain, where no certificate is given (local.cloudfront). CloudFront forwards every request and
# caches nothing. It is the only way in: the load balancer has no public address.

# CloudFront reaches the internal load balancer over a private connection into the VPC. Its requests are plain HTTP there:
# AWS issues no certificate for a load balancer's own name.
resource "aws_cloudfront_vpc_origin" "main" {
  count = local.cloudfront ? 1 : 0

  vpc_origin_endpoint_config {
    name                   = var.name
    arn                    = aws_lb.main.arn
    http_port              = 80
    https_port             = 443
    origin_protocol_policy = "http-only"

    origin_ssl_protocols {
      items    = ["TLSv1.2"]
      quantity = 1
    }
  }

  # CloudFront accepts only VPCs with an internet gateway, which the load balancer does not use.
  depends_on = [aws_internet_gateway.main]
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

    vpc_origin_config {
      vpc_origin_id            = aws_cloudfront_vpc_origin.main[0].id
      origin_read_timeout      = 60
      origin_keepalive_timeout = 60
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
