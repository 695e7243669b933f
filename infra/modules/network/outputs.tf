output "vpc_id" {
  value = aws_vpc.this.id
}

output "public_subnet_ids" {
  value = aws_subnet.public[*].id
}

output "private_subnet_ids" {
  value = aws_subnet.private[*].id
}

# Backend and UI reach Cognito over the internet: through NAT, or with public addresses that nothing may connect to.
output "service_subnet_ids" {
  value = var.nat_gateway ? aws_subnet.private[*].id : aws_subnet.public[*].id
}

output "service_public_ip" {
  value = !var.nat_gateway
}

output "job_subnet_ids" {
  value = local.private_jobs || var.nat_gateway ? aws_subnet.private[*].id : aws_subnet.public[*].id
}

output "job_public_ip" {
  value = !(local.private_jobs || var.nat_gateway)
}

output "load_balancer_group_id" {
  value = aws_security_group.load_balancer.id
}

output "backend_group_id" {
  value = aws_security_group.backend.id
}

output "frontend_group_id" {
  value = aws_security_group.frontend.id
}

output "pipeline_group_id" {
  value = aws_security_group.pipeline.id
}

# Whose word about the browser's address is believed: the load balancer's and CloudFront's.
output "proxy_cidrs" {
  value = concat([var.cidr], var.cloudfront ? sort([for entry in data.aws_ec2_managed_prefix_list.cloudfront[0].entries : entry.cidr]) : [])
}
