"""The backend's routes, by resource."""

from __future__ import annotations

from backend.routes import admin, auth, jobs, operator, predict, renewal, results, session, uploads

ROUTERS = [
    auth.router,
    session.router,
    renewal.router,
    uploads.router,
    jobs.router,
    admin.router,
    results.router,
    predict.router,
]
INTERNAL_ROUTERS = [operator.router]
"""For the machine's own operator; proxies keep them closed."""
