variable "name" {
  type = string
}

variable "cidr" {
  type = string
}

variable "interface_endpoints" {
  type = list(string)
}

variable "nat_gateway" {
  type = bool
}

variable "cloudfront" {
  description = "Whether CloudFront alone may reach the load balancer."
  type        = bool
}

variable "emr" {
  type = bool
}

variable "bucket_arns" {
  description = "Buckets that the network may reach."
  type        = list(string)
}

variable "flow_logs" {
  type = bool
}

variable "flow_log_bucket_arn" {
  description = "Bucket of connection logs."
  type        = string
}

variable "backend_port" {
  type = number
}

variable "frontend_port" {
  type = number
}
