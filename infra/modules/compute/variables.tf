variable "name" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "images" {
  description = "By part: backend, frontend, pipeline."
  type        = map(string)
}

variable "environment" {
  description = "Environment variables, by part."
  type        = map(map(string))
}

variable "operator_key_arn" {
  type = string
}

variable "role_arns" {
  description = "By part, and by part with -execution."
  type        = map(string)
}

variable "log_groups" {
  description = "Names, by part."
  type        = map(string)
}

variable "ports" {
  description = "By service."
  type        = map(number)
}

variable "task_counts" {
  description = "By service."
  type        = map(number)
}

variable "sizes" {
  description = "cpu (1,024 is one vCPU), memory in MiB and disk in GiB, by part. The backend starts larger jobs larger."
  type        = map(object({ cpu = number, memory = number, disk = optional(number) }))
  default = {
    backend  = { cpu = 1024, memory = 4096 }
    frontend = { cpu = 512, memory = 1024 }
    pipeline = { cpu = 2048, memory = 8192, disk = 50 }
  }
}

variable "service_subnet_ids" {
  type = list(string)
}

variable "service_public_ip" {
  type = bool
}

variable "security_group_ids" {
  description = "By service."
  type        = map(string)
}

variable "target_group_arns" {
  description = "By service."
  type        = map(string)
}
