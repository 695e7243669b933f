"""The routes, by what they are about."""

from __future__ import annotations

from backend.routes import auth, health, jobs, operator, predict, results, session, uploads

ROUTERS = [
    health.router,
    auth.router,
    session.router,
    operator.router,
    uploads.router,
    jobs.router,
    results.router,
    predict.router,
]
