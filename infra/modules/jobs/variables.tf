variable "name" {
  type = string
}

variable "key_arn" {
  type = string
}

variable "keep_data" {
  type = bool
}
