output "url" {
  value = (
    local.tls ? "https://${var.domain_name}" :
    var.cloudfront ? "https://${aws_cloudfront_distribution.this[0].domain_name}" :
    "http://${aws_lb.this.dns_name}"
  )
}

# After the listener, without which a service cannot join its target group.
output "backend_target_group_arn" {
  value = aws_lb_target_group.backend.arn

  depends_on = [aws_lb_listener_rule.backend]
}

output "frontend_target_group_arn" {
  value = aws_lb_target_group.frontend.arn

  depends_on = [aws_lb_listener_rule.frontend]
}

output "load_balancer_suffix" {
  value = aws_lb.this.arn_suffix
}

output "load_balancer_dns_name" {
  value = aws_lb.this.dns_name
}

output "backend_target_group_suffix" {
  value = aws_lb_target_group.backend.arn_suffix
}

output "frontend_target_group_suffix" {
  value = aws_lb_target_group.frontend.arn_suffix
}
