#!/usr/bin/env bash
# Checks format and validity of the Terraform code, without an AWS account. Needs Terraform.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
    --help | -h)
        cat <<'TEXT'
Usage: scripts/check_terraform.sh [FOLDER]
Runs terraform fmt -check, init without a backend, and validate in FOLDER (default: infra). Writes only .terraform/.
Exits with 1 if a check fails, with 3 if Terraform is not installed.
TEXT
        exit 0
        ;;
esac
folder=${1:-infra}

if ! command -v terraform >/dev/null; then
    echo "check_terraform: Terraform is not installed on this machine." >&2
    exit 3
fi
if ! terraform fmt -check -recursive -diff "$folder"; then
    echo "check_terraform: run terraform fmt -recursive $folder and commit the changes." >&2
    exit 1
fi
if ! terraform -chdir="$folder" init -backend=false -input=false -lockfile=readonly >/dev/null; then
    echo "check_terraform: the providers of $folder/.terraform.lock.hcl could not be downloaded." >&2
    exit 1
fi
if ! terraform -chdir="$folder" validate; then
    echo "check_terraform: the code is not valid; the errors are above." >&2
    exit 1
fi
