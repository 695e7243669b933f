variable "name" {
  type = string
}

variable "release" {
  description = "EMR release."
  type        = string
  default     = "emr-spark-8.0.0"
}

variable "max_vcpu" {
  description = "Most vCPU that run at once: the limit of what a mistake can cost an hour."
  type        = number
  default     = 64
}

variable "subnet_ids" {
  type = list(string)
}

variable "security_group_id" {
  type = string
}
