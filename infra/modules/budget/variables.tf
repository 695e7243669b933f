variable "name" {
  type = string
}

variable "dollars" {
  description = "A month, for the whole account."
  type        = number
}

variable "topic_arn" {
  type = string
}
