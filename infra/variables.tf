# ---- where and under which name -----------------------------------------------------------------------------------------

variable "region" {
  description = "AWS region of everything but CloudFront, which is global."
  type        = string
  default     = "eu-west-1"
}

variable "name" {
  description = "Prefix of all names; two installations in one account need two."
  type        = string
  default     = "reviewlens"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Use 3 to 21 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "tags" {
  description = "Further tags for everything."
  type        = map(string)
  default     = {}
}

variable "keep_data" {
  description = "Protect bucket, table, user pool and load balancer from deletion. Set it to false and apply before a tear-down."
  type        = bool
  default     = true
}

# ---- network ------------------------------------------------------------------------------------------------------------

variable "vpc_cidr" {
  description = "Addresses of the network, a /16 to /20."
  type        = string
  default     = "10.40.0.0/16"
}

variable "interface_endpoints" {
  description = "AWS services that private subnets reach without the internet. A job's task needs these three and the S3 gateway; an empty list saves their price and gives tasks public addresses."
  type        = list(string)
  default     = ["ecr.api", "ecr.dkr", "logs"]
}

variable "nat_gateway" {
  description = "Run backend and UI in private subnets behind a NAT gateway, instead of in public ones with public addresses that nothing may connect to."
  type        = bool
  default     = false
}

variable "flow_logs" {
  description = "Log the network's connections into the logs bucket."
  type        = bool
  default     = true
}

# ---- how a browser reaches it -------------------------------------------------------------------------------------------

variable "cloudfront" {
  description = "HTTPS at CloudFront's own domain, where no certificate is given. False without a certificate is plain HTTP: for an emulator alone."
  type        = bool
  default     = true
}

variable "domain_name" {
  description = "Your own domain, for instance reviews.example.com; empty: CloudFront's."
  type        = string
  default     = ""
}

variable "certificate_arn" {
  description = "ACM certificate for domain_name, in the same region; the load balancer then ends TLS itself, without CloudFront."
  type        = string
  default     = ""

  validation {
    condition     = (var.certificate_arn == "") == (var.domain_name == "")
    error_message = "Give domain_name and certificate_arn together, or neither."
  }
}

variable "hosted_zone_id" {
  description = "Route 53 zone of domain_name, to make its record there; empty: make it yourself."
  type        = string
  default     = ""
}

variable "access_logs" {
  description = "Log the load balancer's requests into the logs bucket."
  type        = bool
  default     = true
}

# ---- what runs ----------------------------------------------------------------------------------------------------------

variable "image_tag" {
  description = "Tag of the images that a first apply starts (a commit); later versions are deployed by scripts/deploy.py."
  type        = string
}

variable "images" {
  description = "Whole image references instead of this installation's registry, by part (backend, frontend, pipeline)."
  type        = map(string)
  default     = {}
}

variable "backend_tasks" {
  description = "How many backends run."
  type        = number
  default     = 2
}

variable "frontend_tasks" {
  description = "How many UIs run."
  type        = number
  default     = 2
}

variable "max_concurrent_jobs" {
  description = "Jobs that run at once, each in a task of its own; the rest wait."
  type        = number
  default     = 10
}

variable "spot" {
  description = "Run jobs on Fargate Spot, about a third of the price; an interrupted job goes on by itself."
  type        = bool
  default     = true
}

variable "engine" {
  description = "Scoring engine for new jobs (REVIEWLENS_ENGINE)."
  type        = string
  default     = "auto"
}

variable "sign_up" {
  description = "Whether people may make themselves a user."
  type        = bool
  default     = false
}

variable "emr" {
  description = "Make an EMR Serverless application for files over emr_over_bytes."
  type        = bool
  default     = false
}

variable "emr_over_bytes" {
  description = "Files over so many bytes go to EMR Serverless, where there is one."
  type        = number
  default     = 1000000000
}

variable "settings" {
  description = "Further REVIEWLENS_* variables of the backend, by name."
  type        = map(string)
  default     = {}
}

variable "operator_key_version" {
  description = "Raise by one to make a new operator key."
  type        = number
  default     = 1
}

variable "origin_secret_version" {
  description = "Raise by one to make a new secret between CloudFront and the load balancer."
  type        = number
  default     = 1
}

# ---- watching and paying ------------------------------------------------------------------------------------------------

variable "alarms" {
  description = "CloudWatch alarms; false where CloudWatch is emulated."
  type        = bool
  default     = true
}

variable "alarm_emails" {
  description = "Who hears of alarms and of the budget; each confirms by a link in a mail."
  type        = list(string)
  default     = []
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}

variable "backlog_alarm" {
  description = "Alarm when so many jobs have waited for a quarter of an hour."
  type        = number
  default     = 50
}

variable "monthly_budget" {
  description = "US dollars a month, which a mail goes out about: at 80 % of it, and when the forecast is over it; 0: none."
  type        = number
  default     = 300
}

# ---- deployment from GitHub ---------------------------------------------------------------------------------------------

variable "github_repository" {
  description = "ORG/REPO whose workflows may push images and deploy; empty: none."
  type        = string
  default     = ""
}

variable "github_oidc_provider_arn" {
  description = "GitHub's identity provider where the account has it already; empty: make it."
  type        = string
  default     = ""
}
