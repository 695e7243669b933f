# What GitHub's workflows may do here, without any stored key: push images, and deploy them after approval.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  issuer   = "token.actions.githubusercontent.com"
  provider = var.oidc_provider_arn == "" ? aws_iam_openid_connect_provider.github[0].arn : var.oidc_provider_arn
  ecs      = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  policies = {
    images = data.aws_iam_policy_document.images.json
    deploy = data.aws_iam_policy_document.deploy.json
  }
  environments = { images = "images", deploy = "production" }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.oidc_provider_arn == "" ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.environments

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["repo:${var.repository}:environment:${each.value}"]
    }
  }
}

data "aws_iam_policy_document" "images" {
  statement {
    #checkov:skip=CKV_AWS_356:GetAuthorizationToken knows no resources
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "PushAndPull"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImages",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = var.repository_arns
  }
}

data "aws_iam_policy_document" "deploy" {
  #checkov:skip=CKV_AWS_356:describing, listing and taking out of use know no single task definition
  #checkov:skip=CKV_AWS_111:the same: DeregisterTaskDefinition takes no resource
  statement {
    sid       = "LookAtImages"
    actions   = ["ecr:DescribeImages"]
    resources = var.repository_arns
  }

  statement {
    sid       = "MoveTheServices"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = [for service in ["backend", "frontend"] : "${local.ecs}:service/${var.name}/${service}"]
  }

  statement {
    sid       = "MakeRevisions"
    actions   = ["ecs:RegisterTaskDefinition", "ecs:TagResource"]
    resources = [for part in ["backend", "frontend", "pipeline"] : "${local.ecs}:task-definition/${var.name}-${part}:*"]
  }

  statement {
    sid       = "LookAtRevisions"
    actions   = ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:DeregisterTaskDefinition"]
    resources = ["*"]
  }

  statement {
    sid       = "ListTasks"
    actions   = ["ecs:ListTasks"]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.ecs}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "LookAtTasks"
    actions   = ["ecs:DescribeTasks"]
    resources = ["${local.ecs}:task/${var.name}/*"]
  }

  statement {
    sid       = "GiveTasksTheirRoles"
    actions   = ["iam:PassRole"]
    resources = var.task_role_arns

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.environments

  name                 = "${var.name}-github-${each.key}"
  description          = "ReviewLens: GitHub's ${each.value} environment of ${var.repository}"
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies

  name   = "work"
  role   = aws_iam_role.this[each.key].name
  policy = each.value
}

output "role_arns" {
  value = { for part, role in aws_iam_role.this : part => role.arn }
}
