# The operator's key. AWS generates it and Secrets Manager holds it; Terraform's state never contains it.

ephemeral "aws_secretsmanager_random_password" "operator_key" {
  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "operator_key" {
  #checkov:skip=CKV2_AWS_57:rotated by raising operator_key_version, because the services must restart to use a new key
  name                    = "${var.name}/operator-key"
  description             = "ReviewLens: key for the operator's routes and the metrics"
  kms_key_id              = aws_kms_key.main.arn
  recovery_window_in_days = var.keep_data ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "operator_key" {
  secret_id                = aws_secretsmanager_secret.operator_key.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.operator_key.random_password
  secret_string_wo_version = var.operator_key_version
}
