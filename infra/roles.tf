# IAM roles of the ECS tasks. A task role is what the program may do; an execution role is what Fargate needs to start it.

data "aws_iam_policy_document" "ecs_trust" {
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
      values   = ["${local.ecs_arn}:*"]
    }
  }
}

resource "aws_iam_role" "ecs" {
  for_each = {
    backend            = "ReviewLens: permissions of the backend"
    frontend           = "ReviewLens: the frontend, which needs no permissions"
    pipeline           = "ReviewLens: permissions of a job"
    backend-execution  = "ReviewLens: lets Fargate start the backend"
    frontend-execution = "ReviewLens: lets Fargate start the frontend"
    pipeline-execution = "ReviewLens: lets Fargate start a job"
  }

  name               = "${var.name}-${each.key}"
  description        = each.value
  assume_role_policy = data.aws_iam_policy_document.ecs_trust.json
}

# ---- execution roles: pull the component's image, write its log, and for the backend read the operator key -----------------

data "aws_iam_policy_document" "execution" {
  for_each = local.components

  statement {
    #checkov:skip=CKV_AWS_356:GetAuthorizationToken supports no resources
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "PullImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
    resources = [aws_ecr_repository.images[each.key].arn]
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_groups_arn}/${each.key}:log-stream:*"]
  }

  dynamic "statement" {
    for_each = each.key == "backend" ? [1] : []

    content {
      sid       = "ReadOperatorKey"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [aws_secretsmanager_secret.operator_key.arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "backend" ? [1] : []

    content {
      sid       = "DecryptOperatorKey"
      actions   = ["kms:Decrypt"]
      resources = [aws_kms_key.main.arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  for_each = data.aws_iam_policy_document.execution

  name   = "start"
  role   = aws_iam_role.ecs["${each.key}-execution"].name
  policy = each.value.json
}

# ---- task roles: what the backend and a job may do ---------------------------------------------------------------------

locals {
  log_groups_arn = "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/${var.name}"

  # Folders of the bucket that the programs read and write.
  folder_arn       = "${local.bucket_arn}/%s/*"
  written_folders  = ["uploads", "processed", "output"]
  readable_folders = concat(local.written_folders, ["models"])
}

data "aws_iam_policy_document" "backend" {
  #checkov:skip=CKV_AWS_356:ListTasks supports no resources; its condition names the cluster
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = concat([for folder in local.readable_folders : format(local.folder_arn, folder)], ["${local.bucket_arn}/readyz"])
  }

  statement {
    sid       = "WriteObjects"
    actions   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = [for folder in local.written_folders : format(local.folder_arn, folder)]
  }

  statement {
    sid       = "ListObjects"
    actions   = ["s3:ListBucket", "s3:GetEncryptionConfiguration"]
    resources = [local.bucket_arn]
  }

  statement {
    sid = "Jobs"
    actions = [
      "dynamodb:ConditionCheckItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [aws_dynamodb_table.jobs.arn, "${aws_dynamodb_table.jobs.arn}/index/*"]
  }

  statement {
    sid       = "UseKeyForObjectsAndJobs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com", "dynamodb.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "StartJobs"
    actions   = ["ecs:RunTask"]
    resources = ["${local.ecs_arn}:task-definition/${var.name}-pipeline:*", "${local.ecs_arn}:task-definition/${var.name}-pipeline"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.ecs_arn}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "WatchAndStopJobs"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask", "ecs:TagResource"]
    resources = ["${local.ecs_arn}:task/${var.name}/*"]
  }

  statement {
    sid       = "FindJobs"
    actions   = ["ecs:ListTasks"]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.ecs_arn}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "PassJobRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.ecs["pipeline"].arn, aws_iam_role.ecs["pipeline-execution"].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "backend" {
  name   = "work"
  role   = aws_iam_role.ecs["backend"].name
  policy = data.aws_iam_policy_document.backend.json
}

data "aws_iam_policy_document" "pipeline" {
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = [for folder in local.readable_folders : format(local.folder_arn, folder)]
  }

  statement {
    sid       = "WriteResults"
    actions   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = [for folder in ["processed", "output"] : format(local.folder_arn, folder)]
  }

  statement {
    sid       = "ListObjects"
    actions   = ["s3:ListBucket", "s3:GetEncryptionConfiguration"]
    resources = [local.bucket_arn]
  }

  statement {
    sid       = "UseKeyForObjects"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "pipeline" {
  name   = "work"
  role   = aws_iam_role.ecs["pipeline"].name
  policy = data.aws_iam_policy_document.pipeline.json
}
