output "bucket" {
  value = aws_s3_bucket.data.id
}

output "bucket_arn" {
  value = aws_s3_bucket.data.arn
}

# After the policy that lets AWS write there.
output "logs_bucket" {
  value = aws_s3_bucket_policy.logs.bucket
}

output "logs_bucket_arn" {
  value = aws_s3_bucket.logs.arn
}
