#!/usr/bin/env bash
# Checks the Terraform code without an AWS account: its format, and that it is valid. Needs Terraform.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
    --help | -h)
        cat <<'TEXT'
Usage: scripts/check_terraform.sh [FOLDER]
terraform fmt -check, init without a backend, and validate, in FOLDER (default: infra). Changes nothing in it but .terraform/.
Ends with 1 where something is wrong, 3 where Terraform is not installed.
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
    echo "check_terraform: run terraform fmt -recursive $folder and commit what it changes." >&2
    exit 1
fi
if ! terraform -chdir="$folder" init -backend=false -input=false -lockfile=readonly >/dev/null; then
    echo "check_terraform: the providers named in $folder/.terraform.lock.hcl could not be fetched." >&2
    exit 1
fi
if ! terraform -chdir="$folder" validate; then
    echo "check_terraform: what is not valid stands above." >&2
    exit 1
fi
