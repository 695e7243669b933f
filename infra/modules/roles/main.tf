# Who may do what. A task's role is what its program may do; an execution role is what Fargate may do to start it.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  partition = data.aws_partition.current.partition
  ecs       = "arn:${local.partition}:ecs:${local.region}:${local.account}"
  log_group = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/${var.name}"
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["${local.ecs}:*"]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = {
    backend            = "ReviewLens: the backend's program"
    frontend           = "ReviewLens: the UI's program, which needs nothing of AWS"
    pipeline           = "ReviewLens: a job's program"
    backend-execution  = "ReviewLens: how Fargate starts the backend"
    frontend-execution = "ReviewLens: how Fargate starts the UI"
    pipeline-execution = "ReviewLens: how Fargate starts a job"
  }

  name               = "${var.name}-${each.key}"
  description        = each.value
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

# ---- starting: pull this part's image, write its log, and for the backend read its one secret ----------------------------

data "aws_iam_policy_document" "execution" {
  for_each = var.repository_arns

  statement {
    #checkov:skip=CKV_AWS_356:GetAuthorizationToken knows no resources
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "PullTheImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
    resources = [each.value]
  }

  statement {
    sid       = "WriteTheLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group}/${each.key}:log-stream:*"]
  }

  dynamic "statement" {
    for_each = each.key == "backend" ? [1] : []

    content {
      sid       = "ReadTheOperatorKey"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [var.operator_key_arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "backend" ? [1] : []

    content {
      sid       = "DecryptTheOperatorKey"
      actions   = ["kms:Decrypt"]
      resources = [var.key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${local.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  for_each = data.aws_iam_policy_document.execution

  name   = "start"
  role   = aws_iam_role.this["${each.key}-execution"].name
  policy = each.value.json
}
