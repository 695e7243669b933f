# What the programs may do: the backend with its bucket, its table and its tasks; a job with its objects.

locals {
  objects  = "${var.bucket_arn}/%s/*"
  written  = ["uploads", "processed", "output"]
  all_read = concat(local.written, ["models"])
}

data "aws_iam_policy_document" "backend" {
  #checkov:skip=CKV_AWS_356:ListTasks knows no resources; its condition names the cluster
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = concat([for folder in local.all_read : format(local.objects, folder)], ["${var.bucket_arn}/readyz"])
  }

  statement {
    sid       = "WriteObjects"
    actions   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = [for folder in local.written : format(local.objects, folder)]
  }

  statement {
    sid       = "ListObjects"
    actions   = ["s3:ListBucket", "s3:GetEncryptionConfiguration"]
    resources = [var.bucket_arn]
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
    resources = [var.table_arn, "${var.table_arn}/index/*"]
  }

  statement {
    sid       = "TheKeyOfBoth"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    resources = [var.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com", "dynamodb.${local.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "StartJobs"
    actions   = ["ecs:RunTask"]
    resources = ["${local.ecs}:task-definition/${var.name}-pipeline:*", "${local.ecs}:task-definition/${var.name}-pipeline"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.ecs}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "WatchAndStopJobs"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask", "ecs:TagResource"]
    resources = ["${local.ecs}:task/${var.name}/*"]
  }

  statement {
    sid       = "FindJobs"
    actions   = ["ecs:ListTasks"]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.ecs}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "GiveJobsTheirRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.this["pipeline"].arn, aws_iam_role.this["pipeline-execution"].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  dynamic "statement" {
    for_each = var.emr ? [1] : []

    content {
      sid       = "StartLargeJobs"
      actions   = ["emr-serverless:ListJobRuns", "emr-serverless:StartApplication", "emr-serverless:StartJobRun"]
      resources = [var.emr_application_arn]
    }
  }

  dynamic "statement" {
    for_each = var.emr ? [1] : []

    content {
      sid       = "WatchAndStopLargeJobs"
      actions   = ["emr-serverless:CancelJobRun", "emr-serverless:GetJobRun", "emr-serverless:TagResource"]
      resources = ["${var.emr_application_arn}/jobruns/*"]
    }
  }

  dynamic "statement" {
    for_each = var.emr ? [1] : []

    content {
      sid       = "GiveLargeJobsTheirRole"
      actions   = ["iam:PassRole"]
      resources = [aws_iam_role.emr[0].arn]

      condition {
        test     = "StringEquals"
        variable = "iam:PassedToService"
        values   = ["emr-serverless.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "backend" {
  name   = "work"
  role   = aws_iam_role.this["backend"].name
  policy = data.aws_iam_policy_document.backend.json
}

data "aws_iam_policy_document" "job" {
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = [for folder in local.all_read : format(local.objects, folder)]
  }

  statement {
    sid       = "WriteResults"
    actions   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = [for folder in ["processed", "output"] : format(local.objects, folder)]
  }

  statement {
    sid       = "ListObjects"
    actions   = ["s3:ListBucket", "s3:GetEncryptionConfiguration"]
    resources = [var.bucket_arn]
  }

  statement {
    sid       = "TheKeyOfTheBucket"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "pipeline" {
  name   = "work"
  role   = aws_iam_role.this["pipeline"].name
  policy = data.aws_iam_policy_document.job.json
}

# ---- EMR Serverless: what a job may do, and its program and environment, which lie in the same bucket ----------------------

data "aws_iam_policy_document" "emr_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["emr-serverless.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "emr" {
  source_policy_documents = [data.aws_iam_policy_document.job.json]

  statement {
    sid       = "ReadTheProgram"
    actions   = ["s3:GetObject"]
    resources = [format(local.objects, "emr")]
  }
}

resource "aws_iam_role" "emr" {
  count = var.emr ? 1 : 0

  name               = "${var.name}-emr"
  description        = "ReviewLens: a large job's program on EMR Serverless"
  assume_role_policy = data.aws_iam_policy_document.emr_trust.json
}

resource "aws_iam_role_policy" "emr" {
  count = var.emr ? 1 : 0

  name   = "work"
  role   = aws_iam_role.emr[0].name
  policy = data.aws_iam_policy_document.emr.json
}
