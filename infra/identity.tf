# Users: a Cognito user pool with its log-in pages, one app client without a secret, and the administrators' group.

locals {
  # Unique among all AWS accounts in the region, and without the account's number in a public address.
  login_prefix = coalesce(var.login_domain_prefix, "${var.name}-${substr(sha256("${local.account} ${var.region}"), 0, 10)}")
}

resource "aws_cognito_user_pool" "main" {
  name                     = var.name
  deletion_protection      = var.keep_data ? "ACTIVE" : "INACTIVE"
  alias_attributes         = ["email"] # people log in with a name or an e-mail address; the UI shows the name
  auto_verified_attributes = ["email"]
  mfa_configuration        = var.mfa
  user_pool_tier           = "ESSENTIALS" # managed login needs it

  username_configuration {
    case_sensitive = false
  }

  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_uppercase                = true
    require_numbers                  = true
    require_symbols                  = false
    temporary_password_validity_days = 7
  }

  software_token_mfa_configuration {
    enabled = true
  }

  admin_create_user_config {
    allow_admin_create_user_only = !var.sign_up
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }
}

# The log-in pages that browsers see: log-in, sign-up, forgotten passwords, authenticator apps.
resource "aws_cognito_user_pool_domain" "main" {
  domain                = local.login_prefix
  user_pool_id          = aws_cognito_user_pool.main.id
  managed_login_version = 2
}

# Without a style the pages answer "Login pages unavailable". The provider's version has no resource for it.
resource "aws_cloudformation_stack" "login_style" {
  name = "${var.name}-login-style"

  template_body = jsonencode({
    Resources = {
      Style = {
        Type = "AWS::Cognito::ManagedLoginBranding"
        Properties = {
          UserPoolId               = aws_cognito_user_pool.main.id
          ClientId                 = aws_cognito_user_pool_client.backend.id
          UseCognitoProvidedValues = true
        }
      }
    }
  })

  depends_on = [aws_cognito_user_pool_domain.main]
}

resource "aws_cognito_user_pool_client" "backend" {
  name                          = "${var.name}-backend"
  user_pool_id                  = aws_cognito_user_pool.main.id
  generate_secret               = false
  explicit_auth_flows           = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true
  auth_session_validity         = 5
  access_token_validity         = 60
  id_token_validity             = 60
  refresh_token_validity        = 30

  # Browsers log in with the authorization code flow, and come back to these two addresses only.
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid"]
  supported_identity_providers         = ["COGNITO"]
  callback_urls                        = ["${local.url}/session/callback"]
  logout_urls                          = [local.url]

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }
}

resource "aws_cognito_user_group" "admin" {
  name         = "admin"
  user_pool_id = aws_cognito_user_pool.main.id
  description  = "Sees the jobs of all users"
}
