variable "name" {
  type = string
}

variable "repository" {
  description = "ORG/REPO at GitHub."
  type        = string
}

variable "oidc_provider_arn" {
  description = "GitHub's identity provider where the account has it; empty: make it."
  type        = string
}

variable "repository_arns" {
  description = "Image repositories."
  type        = list(string)
}

variable "task_role_arns" {
  description = "Roles that task definitions name."
  type        = list(string)
}
