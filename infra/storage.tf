# Two buckets: one for uploads and results, one for access logs. Their policies are in bucket_policies.tf.

locals {
  # Built from variables, so that a plan can show policies before the bucket exists.
  bucket     = "${var.name}-${local.account}-${var.region}"
  bucket_arn = "arn:${local.partition}:s3:::${local.bucket}"
  buckets    = { data = aws_s3_bucket.data, logs = aws_s3_bucket.logs }
}

resource "aws_s3_bucket" "data" {
  #checkov:skip=CKV_AWS_144:versioning protects against mistakes; replication to a second region is a decision about cost and law
  #checkov:skip=CKV2_AWS_62:no event notifications: the backend reads the bucket itself
  bucket        = local.bucket
  force_destroy = !var.keep_data
}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_18:this bucket holds the access logs; logging access to it would create a loop
  #checkov:skip=CKV_AWS_144:access logs need no second region
  #checkov:skip=CKV_AWS_145:load balancers write logs only to buckets encrypted with SSE-S3
  #checkov:skip=CKV2_AWS_62:no event notifications: nothing processes the logs
  bucket        = "${local.bucket}-logs"
  force_destroy = !var.keep_data
}

resource "aws_s3_bucket_public_access_block" "data" {
  bucket                  = aws_s3_bucket.data.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "all" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "data" {
  bucket = aws_s3_bucket.data.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.main.arn
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_logging" "data" {
  bucket        = aws_s3_bucket.data.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "bucket/"
}

resource "aws_s3_bucket_lifecycle_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  # The backend itself deletes complete uploads that were never submitted as a job.
  rule {
    id     = "uploads-never-finished"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  rule {
    id     = "versions-before"
    status = "Enabled"

    filter {}

    expiration {
      expired_object_delete_marker = true
    }

    noncurrent_version_expiration {
      noncurrent_days = var.old_version_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.data]
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    id     = "old-logs"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 7
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.logs]
}

# A browser uploads files straight to the bucket, but only from a page of this installation.
resource "aws_s3_bucket_cors_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  cors_rule {
    allowed_methods = ["POST"]
    allowed_origins = [local.url]
    allowed_headers = ["*"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3600
  }
}
