variable "bucket" {
  description = "Name of the bucket; the logs' is the same with -logs."
  type        = string
}

variable "key_arn" {
  type = string
}

variable "keep_data" {
  type = bool
}

variable "origins" {
  description = "Addresses of the UI, from which a browser may send files."
  type        = list(string)
}

variable "version_days" {
  description = "How long a version that was replaced or deleted can be restored."
  type        = number
  default     = 30
}

variable "log_days" {
  type = number
}
