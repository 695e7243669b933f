variable "name" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  type = list(string)
}

variable "security_group_id" {
  type = string
}

variable "cloudfront" {
  type = bool
}

variable "certificate_arn" {
  type = string
}

variable "domain_name" {
  type = string
}

variable "hosted_zone_id" {
  type = string
}

variable "access_logs" {
  type = bool
}

variable "log_bucket" {
  description = "Bucket of access logs."
  type        = string
}

variable "keep_data" {
  type = bool
}

variable "origin_secret_version" {
  type = number
}

variable "backend_port" {
  type = number
}

variable "frontend_port" {
  type = number
}

variable "backend_paths" {
  description = "Paths of the API; all others are the UI's."
  type        = list(string)
}

variable "closed_paths" {
  description = "Paths that are answered with 404 from outside; five at most."
  type        = list(string)
}
