# Where images are kept: a tag never changes its meaning, every image is scanned, old ones go.

locals {
  parts = toset(["backend", "frontend", "pipeline"])
}

resource "aws_ecr_repository" "this" {
  for_each = local.parts

  name                 = "${var.name}/${each.value}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.keep_data

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.key_arn
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name

  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Images without a tag"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "All but the newest fifty: enough to go back"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 50 }
        action       = { type = "expire" }
      },
    ]
  })
}

output "urls" {
  value = { for part, repository in aws_ecr_repository.this : part => repository.repository_url }
}

output "arns" {
  value = { for part, repository in aws_ecr_repository.this : part => repository.arn }
}
