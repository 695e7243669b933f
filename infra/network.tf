# The VPC. Private subnets hold the jobs and, behind CloudFront, the load balancer. Public subnets hold the services without a
# NAT gateway, and the load balancer without CloudFront.

data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394:the first two zones are used, and a subnet stays in the zone where it was created
  state            = "available"
  exclude_zone_ids = local.zones_without_vpc_origins

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  # CloudFront's VPC origins do not work in these zones.
  zones_without_vpc_origins = ["use1-az3", "usw1-az2", "apne1-az3", "cac1-az3"]

  zones = slice(data.aws_availability_zones.available.names, 0, 2)

  # The services reach Cognito over the internet: through NAT, or from public addresses that accept no connections.
  service_subnet_ids = var.nat_gateway ? aws_subnet.private[*].id : aws_subnet.public[*].id
  service_public_ip  = !var.nat_gateway

  # With interface endpoints a job needs no way to the internet.
  private_jobs   = length(var.interface_endpoints) > 0
  job_subnet_ids = local.private_jobs || var.nat_gateway ? aws_subnet.private[*].id : aws_subnet.public[*].id
  job_public_ip  = !(local.private_jobs || var.nat_gateway)
}

resource "aws_vpc" "main" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# The default security group has no rules: it allows no traffic.
resource "aws_default_security_group" "none" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  count = 2

  vpc_id                  = aws_vpc.main.id
  availability_zone       = local.zones[count.index]
  cidr_block              = cidrsubnet(var.vpc_cidr, 4, count.index)
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-public-${count.index}" }

  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_subnet" "private" {
  count = 2

  vpc_id            = aws_vpc.main.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, 8 + count.index)

  tags = { Name = "${var.name}-private-${count.index}" }

  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id

  tags = { Name = var.name }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  count = 2

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id

  tags = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  count = 2

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private.id
}

resource "aws_eip" "nat" {
  count = var.nat_gateway ? 1 : 0

  domain = "vpc"

  tags = { Name = "${var.name}-nat" }
}

resource "aws_nat_gateway" "main" {
  count = var.nat_gateway ? 1 : 0

  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.public[0].id

  tags       = { Name = var.name }
  depends_on = [aws_internet_gateway.main]
}

resource "aws_route" "nat" {
  count = var.nat_gateway ? 1 : 0

  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main[0].id
}

resource "aws_flow_log" "vpc" {
  count = var.flow_logs ? 1 : 0

  vpc_id               = aws_vpc.main.id
  traffic_type         = "ALL"
  log_destination_type = "s3"
  log_destination      = "${aws_s3_bucket.logs.arn}/network/"

  tags = { Name = var.name }

  # Where the bucket's policy does not allow it yet, AWS adds statements of its own, which every later plan would remove.
  depends_on = [aws_s3_bucket_policy.logs]
}
