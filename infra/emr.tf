# EMR Serverless for files that are too large for one task (var.emr). It costs nothing between jobs.

resource "aws_emrserverless_application" "spark" {
  count = var.emr ? 1 : 0

  name          = var.name
  type          = "spark"
  release_label = var.emr_release
  architecture  = "X86_64"

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = 5
  }

  maximum_capacity {
    cpu    = "${var.emr_max_vcpu} vCPU"
    memory = "${var.emr_max_vcpu * 8} GB"
  }

  network_configuration {
    subnet_ids         = local.job_subnet_ids
    security_group_ids = [aws_security_group.pipeline.id]
  }
}

# Spark's driver and executors talk to each other.
resource "aws_vpc_security_group_ingress_rule" "emr" {
  count = var.emr ? 1 : 0

  security_group_id            = aws_security_group.pipeline.id
  description                  = "Spark driver and executors"
  referenced_security_group_id = aws_security_group.pipeline.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "emr" {
  count = var.emr ? 1 : 0

  security_group_id            = aws_security_group.pipeline.id
  description                  = "Spark driver and executors"
  referenced_security_group_id = aws_security_group.pipeline.id
  ip_protocol                  = "-1"
}

# ---- the job's role: what a job may do on ECS, and reading its program and environment from the bucket --------------------

data "aws_iam_policy_document" "emr_trust" {
  count = var.emr ? 1 : 0

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
  count = var.emr ? 1 : 0

  source_policy_documents = [data.aws_iam_policy_document.pipeline.json]

  statement {
    sid       = "ReadProgram"
    actions   = ["s3:GetObject"]
    resources = [format(local.folder_arn, "emr")]
  }
}

resource "aws_iam_role" "emr" {
  count = var.emr ? 1 : 0

  name               = "${var.name}-emr"
  description        = "ReviewLens: permissions of a job on EMR Serverless"
  assume_role_policy = data.aws_iam_policy_document.emr_trust[0].json
}

resource "aws_iam_role_policy" "emr" {
  count = var.emr ? 1 : 0

  name   = "work"
  role   = aws_iam_role.emr[0].name
  policy = data.aws_iam_policy_document.emr[0].json
}
