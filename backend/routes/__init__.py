"""The routes, by what they are about."""

from __future__ import annotations

from backend.routes import admin, auth, health, jobs, operator, password, predict, results, session, sign_up, uploads

ROUTERS = [
    health.router,
    auth.router,
    session.router,
    sign_up.router,
    password.router,
    operator.router,
    uploads.router,
    jobs.router,
    admin.router,
    results.router,
    predict.router,
]
