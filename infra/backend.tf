# Terraform's state: an S3 bucket of yours, named at terraform init (DEPLOYMENT.md, step 2).
terraform {
  backend "s3" {
    key          = "reviewlens/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
