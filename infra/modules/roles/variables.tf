variable "name" {
  type = string
}

variable "bucket_arn" {
  type = string
}

variable "table_arn" {
  type = string
}

variable "key_arn" {
  type = string
}

variable "operator_key_arn" {
  type = string
}

variable "repository_arns" {
  description = "By part: backend, frontend, pipeline."
  type        = map(string)
}

variable "emr" {
  type = bool
}

variable "emr_application_arn" {
  type = string
}
