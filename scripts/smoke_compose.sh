#!/usr/bin/env bash
# Starts the compose file, runs the smoke test as a new user, restarts it and tests again. Needs Docker.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
    --help | -h)
        cat <<'TEXT'
Usage: scripts/smoke_compose.sh
Runs docker compose up under its own project name, then scripts/smoke.py as a new user: log in, upload, wait for the job, dashboard,
export. Then it restarts the containers and tests with the same user again, so the volume must have kept the data. At the end it removes
everything, the volume too. Existing images are used. Ports 8000 and 8501 must be free. PYTHON names the Python to use (default:
python3); it needs httpx. Exits with 1 if a step fails, after showing the containers' last lines; with 2 without httpx.
TEXT
        exit 0
        ;;
esac

python=${PYTHON:-python3}
"$python" -c 'import httpx' 2>/dev/null || {
    echo "smoke_compose: $python has no httpx; name a Python that has it: PYTHON=.venv/bin/python scripts/smoke_compose.sh" >&2
    exit 2
}
project=reviewlens-smoke-$$
if docker compose version >/dev/null 2>&1; then
    compose() { docker compose --project-name "$project" "$@"; }
else
    compose() { docker-compose --project-name "$project" "$@"; }
fi

# shellcheck disable=SC2317 # the trap calls it
finish() {
    code=$?
    if [ "$code" -ne 0 ]; then
        echo "smoke_compose: the smoke test failed; the containers' last lines:" >&2
        compose logs --no-color --tail 100 >&2 || true
    fi
    compose down --volumes --timeout 20 >/dev/null 2>&1 || true
    exit "$code"
}
trap finish EXIT

up() {
    echo "smoke_compose: $1" >&2
    compose up --detach --wait --wait-timeout 300 backend frontend
}

up "starting"
SMOKE_OPERATOR_KEY=$(compose exec -T backend python -c '
from reviewlens.settings import Settings
settings = Settings()
print(settings.operator_key or (settings.data_dir / "secrets" / "operator.key").read_text().strip())')
SMOKE_PASSWORD=$("$python" -c 'import secrets; print(secrets.token_urlsafe(24))')
export SMOKE_OPERATOR_KEY SMOKE_PASSWORD
"$python" scripts/smoke.py --make-user --user smoke
compose down --timeout 20
up "starting again"
"$python" scripts/smoke.py --user smoke
echo "smoke_compose: everything works" >&2
