"""The backend's routes, by resource."""

from __future__ import annotations

from backend.routes import admin, auth, jobs, operator, password, predict, renewal, results, session, sign_up, uploads

ROUTERS = [
    auth.router,
    session.router,
    renewal.router,
    sign_up.router,
    password.router,
    uploads.router,
    jobs.router,
    admin.router,
    results.router,
    predict.router,
]
INTERNAL_ROUTERS = [operator.router]
"""For the machine's own operator; proxies keep them closed."""
