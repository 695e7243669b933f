variable "name" {
  type = string
}

variable "keep_data" {
  type = bool
}

variable "sign_up" {
  type = bool
}
