"""What every service is made of: application, middleware, problem documents, authentication, metrics, readiness."""
