# Roles for GitHub's workflows (var.github_repository): push images, and deploy them after approval. No stored keys.

locals {
  github = var.github_repository != ""

  # By role: the GitHub environment whose workflows may assume it.
  github_environments = local.github ? { images = "images", deploy = "production" } : {}

  # Tokens name a repository that was created, renamed or transferred since 2026-07-15 with its ids, others without. With
  # the ids, both forms are accepted.
  github_owner        = split("/", var.github_repository)[0]
  github_name         = try(split("/", var.github_repository)[1], "")
  github_with_ids     = "${local.github_owner}@${var.github_owner_id}/${local.github_name}@${var.github_repository_id}"
  github_subjects     = var.github_repository_id == "" ? [var.github_repository] : [local.github_with_ids, var.github_repository]
  github_issuer       = "token.actions.githubusercontent.com"
  github_provider_arn = var.github_oidc_provider_arn != "" ? var.github_oidc_provider_arn : one(aws_iam_openid_connect_provider.github[*].arn)
}

resource "aws_iam_openid_connect_provider" "github" {
  count = local.github && var.github_oidc_provider_arn == "" ? 1 : 0

  url            = "https://${local.github_issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "github_trust" {
  for_each = local.github_environments

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.github_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github_issuer}:sub"
      values   = [for repository in local.github_subjects : "repo:${repository}:environment:${each.value}"]
    }
  }
}

data "aws_iam_policy_document" "github_images" {
  count = local.github ? 1 : 0

  statement {
    #checkov:skip=CKV_AWS_356:GetAuthorizationToken supports no resources
    sid       = "LogInToRegistry"
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
    resources = [for repository in aws_ecr_repository.images : repository.arn]
  }
}

data "aws_iam_policy_document" "github_deploy" {
  count = local.github ? 1 : 0
  #checkov:skip=CKV_AWS_356:these three actions support no single task definition as their resource
  #checkov:skip=CKV_AWS_111:DeregisterTaskDefinition supports no resource
  statement {
    sid       = "ReadImages"
    actions   = ["ecr:DescribeImages"]
    resources = [for repository in aws_ecr_repository.images : repository.arn]
  }

  statement {
    sid       = "UpdateServices"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = [for service in ["backend", "frontend"] : "${local.ecs_arn}:service/${var.name}/${service}"]
  }

  statement {
    sid       = "RegisterRevisions"
    actions   = ["ecs:RegisterTaskDefinition", "ecs:TagResource"]
    resources = [for component in local.components : "${local.ecs_arn}:task-definition/${var.name}-${component}:*"]
  }

  statement {
    sid       = "ReadAndRetireRevisions"
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
      values   = ["${local.ecs_arn}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "ReadTasks"
    actions   = ["ecs:DescribeTasks"]
    resources = ["${local.ecs_arn}:task/${var.name}/*"]
  }

  statement {
    sid       = "PassTaskRoles"
    actions   = ["iam:PassRole"]
    resources = [for role in aws_iam_role.ecs : role.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "github" {
  for_each = local.github_environments

  name                 = "${var.name}-github-${each.key}"
  description          = "ReviewLens: GitHub environment ${each.value} of ${var.github_repository}"
  assume_role_policy   = data.aws_iam_policy_document.github_trust[each.key].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "github" {
  for_each = local.github_environments

  name   = "work"
  role   = aws_iam_role.github[each.key].name
  policy = each.key == "images" ? data.aws_iam_policy_document.github_images[0].json : data.aws_iam_policy_document.github_deploy[0].json
}
