# The DynamoDB table of jobs. Keys, indexes and time to live match reviewlens/jobs/dynamodb.py; a test compares them.

resource "aws_dynamodb_table" "jobs" {
  name                        = "${var.name}-jobs"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.keep_data

  dynamic "attribute" {
    for_each = ["pk", "sk", "id", "unfinished", "everyone"]

    content {
      name = attribute.value
      type = "S"
    }
  }

  global_secondary_index {
    name            = "unfinished"
    hash_key        = "unfinished"
    range_key       = "id"
    projection_type = "ALL"
  }

  global_secondary_index {
    name            = "everyone"
    hash_key        = "everyone"
    range_key       = "id"
    projection_type = "ALL"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.main.arn
  }
}
