# Input variables. Only image_tag has no default; set the others in terraform.tfvars (see terraform.tfvars.example).

# ---- place and name -----------------------------------------------------------------------------------------------------

variable "region" {
  description = "AWS region of all resources except CloudFront, which is global."
  type        = string
  default     = "eu-west-1"
}

variable "name" {
  description = "Prefix of all resource names. Two installations in one account need different ones."
  type        = string
  default     = "reviewlens"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Use 3 to 21 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "tags" {
  description = "Additional tags for all resources."
  type        = map(string)
  default     = {}
}

variable "keep_data" {
  description = "Protect the bucket, the table, the user pool and the load balancer from deletion. Before a tear-down set it to false and apply."
  type        = bool
  default     = true
}

variable "old_version_days" {
  description = "Days for which a replaced or deleted object can be restored."
  type        = number
  default     = 30
}

# ---- network ------------------------------------------------------------------------------------------------------------

variable "vpc_cidr" {
  description = "CIDR block of the VPC, a /16 to /20."
  type        = string
  default     = "10.40.0.0/16"
}

variable "interface_endpoints" {
  description = "AWS services that private subnets reach through a VPC endpoint. A job needs these three and the S3 gateway. An empty list saves their cost and gives jobs public addresses."
  type        = list(string)
  default     = ["ecr.api", "ecr.dkr", "logs"]
}

variable "nat_gateway" {
  description = "Run backend and frontend in private subnets behind a NAT gateway instead of in public subnets, where they have public addresses that accept no connections."
  type        = bool
  default     = false
}

variable "flow_logs" {
  description = "Write VPC flow logs to the logs bucket."
  type        = bool
  default     = true
}

# ---- public address -----------------------------------------------------------------------------------------------------

variable "cloudfront" {
  description = "Serve HTTPS on CloudFront's own domain where certificate_arn is empty. False without a certificate means plain HTTP: use it with an emulator only."
  type        = bool
  default     = true
}

variable "domain_name" {
  description = "Your own domain, for example reviews.example.com. Empty: CloudFront's domain."
  type        = string
  default     = ""
}

variable "certificate_arn" {
  description = "ARN of an ACM certificate for domain_name in the same region. The load balancer then ends TLS itself, without CloudFront."
  type        = string
  default     = ""

  validation {
    condition     = (var.certificate_arn == "") == (var.domain_name == "")
    error_message = "Set both domain_name and certificate_arn, or neither."
  }
}

variable "hosted_zone_id" {
  description = "ID of the Route 53 zone in which to create the record of domain_name. Empty: create the record yourself."
  type        = string
  default     = ""
}

variable "access_logs" {
  description = "Write the load balancer's access logs to the logs bucket."
  type        = bool
  default     = true
}

# ---- programs -----------------------------------------------------------------------------------------------------------

variable "image_tag" {
  description = "Tag (a commit hash) of the images that the first apply starts. scripts/deploy.py deploys later versions."
  type        = string
}

variable "images" {
  description = "Complete image references, by component (backend, frontend, pipeline), for images from another registry."
  type        = map(string)
  default     = {}
}

variable "backend_tasks" {
  description = "Number of backend tasks."
  type        = number
  default     = 2
}

variable "frontend_tasks" {
  description = "Number of frontend tasks."
  type        = number
  default     = 2
}

variable "task_sizes" {
  description = "Size of a task, by component: cpu (1024 is one vCPU), memory in MiB, disk in GiB. The backend starts each job with a size that fits its file."
  type        = map(object({ cpu = number, memory = number, disk = optional(number) }))
  default = {
    backend  = { cpu = 1024, memory = 4096 }
    frontend = { cpu = 512, memory = 1024 }
    pipeline = { cpu = 2048, memory = 8192, disk = 50 }
  }
}

variable "cpu_architecture" {
  description = "Processor of all tasks: X86_64 or ARM64 (Graviton). Build the images for it: scripts/build_images.sh --platform."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "Use X86_64 or ARM64."
  }
}

variable "fargate_vcpu_quota" {
  description = "vCPUs that the account may run at once on Fargate, on demand and on Spot each. No job's task gets more. 6 is what a new account has (DEPLOYMENT.md, Quotas)."
  type        = number
  default     = 6
}

variable "max_concurrent_jobs" {
  description = "Number of jobs that run at the same time, each in its own task. Further jobs wait."
  type        = number
  default     = 10
}

variable "spot" {
  description = "Run jobs on Fargate Spot, at about a third of the price. An interrupted job resumes by itself."
  type        = bool
  default     = true
}

variable "engine" {
  description = "Scoring engine of new jobs (REVIEWLENS_ENGINE)."
  type        = string
  default     = "auto"
}

variable "sign_up" {
  description = "Let people create their own user on the log-in pages."
  type        = bool
  default     = false
}

variable "mfa" {
  description = "Authenticator apps (TOTP) as a second factor. OPTIONAL: for users who have one set up. ON: everybody sets one up at the next log-in."
  type        = string
  default     = "OPTIONAL"

  validation {
    condition     = contains(["OPTIONAL", "ON"], var.mfa)
    error_message = "Use OPTIONAL or ON."
  }
}

variable "login_domain_prefix" {
  description = "Start of the log-in pages' address, PREFIX.auth.REGION.amazoncognito.com, unique in the region. Empty: the name and a hash of the account."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$", var.login_domain_prefix)) && !can(regex("aws|amazon|cognito", var.login_domain_prefix))
    error_message = "Use lower-case letters, digits and hyphens, without the words aws, amazon and cognito."
  }
}

variable "settings" {
  description = "Additional REVIEWLENS_* environment variables of the backend, by name."
  type        = map(string)
  default     = {}
}

variable "operator_key_version" {
  description = "Version of the operator's key. Raise it by one to generate a new key."
  type        = number
  default     = 1
}

# ---- monitoring and cost ------------------------------------------------------------------------------------------------

variable "alarms" {
  description = "Create the CloudWatch alarms. False where CloudWatch is emulated."
  type        = bool
  default     = true
}

variable "alarm_emails" {
  description = "E-mail addresses that receive alarms and budget notifications. Each confirms its subscription through a link in an e-mail."
  type        = list(string)
  default     = []
}

variable "log_days" {
  description = "Days after which logs are deleted."
  type        = number
  default     = 365
}

variable "backlog_alarm" {
  description = "Number of jobs that have waited for 15 minutes at which an alarm goes off."
  type        = number
  default     = 50
}

variable "monthly_budget" {
  description = "Monthly budget of this installation in US dollars: the cost of what has its tag Project. A notification goes out at 80 % of it and when the forecast exceeds it. 0: no budget."
  type        = number
  default     = 300
}

# ---- deployment from GitHub ---------------------------------------------------------------------------------------------

variable "github_repository" {
  description = "GitHub repository (OWNER/NAME) whose workflows may push images and deploy. Empty: none."
  type        = string
  default     = ""
}

variable "github_owner_id" {
  description = "Numeric id of the repository's owner: gh api repos/OWNER/NAME --jq .owner.id"
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[0-9]*$", var.github_owner_id)) && (var.github_owner_id == "") == (var.github_repository_id == "")
    error_message = "Set both github_owner_id and github_repository_id to numbers, or neither."
  }
}

variable "github_repository_id" {
  description = "Numeric id of the repository: gh api repos/OWNER/NAME --jq .id. Required for one that was created, renamed or transferred since 2026-07-15."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[0-9]*$", var.github_repository_id))
    error_message = "Use the number that gh api repos/OWNER/NAME --jq .id prints."
  }
}

variable "github_oidc_provider_arn" {
  description = "ARN of the account's GitHub identity provider, where it has one. Empty: create it."
  type        = string
  default     = ""
}
