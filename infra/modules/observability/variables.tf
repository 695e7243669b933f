variable "name" {
  type = string
}

variable "key_arn" {
  type = string
}

variable "log_days" {
  type = number
}

variable "alarms" {
  type = bool
}

variable "emails" {
  type = list(string)
}

variable "backlog" {
  description = "Jobs that wait, from which on it is an alarm."
  type        = number
}

variable "load_balancer" {
  description = "As CloudWatch names it."
  type        = string
}

variable "target_groups" {
  description = "As CloudWatch names them, by service."
  type        = map(string)
}
