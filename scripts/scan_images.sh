#!/usr/bin/env bash
# Scans local images for known vulnerabilities that have a fix. Needs Docker and the internet.
set -euo pipefail

# Trivy 0.70.0, by digest: the tag can be moved, the digest cannot.
trivy=ghcr.io/aquasecurity/trivy:0.70.0@sha256:be1190afcb28352bfddc4ddeb71470835d16462af68d310f9f4bca710961a41e

usage() {
    cat <<'TEXT'
Usage: scripts/scan_images.sh IMAGE ...
Scans local images (reviewlens-backend:local, ...) with Trivy in a container. Reports vulnerabilities of high and critical severity
that have a fixed version; .trivyignore may list exceptions, one a line, each with its reason in a comment.
Exits with 1 if there are findings or an image cannot be scanned.
TEXT
}

case ${1:-} in
    --help | -h)
        usage
        exit 0
        ;;
    '')
        usage >&2
        exit 2
        ;;
esac

cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/cache"
cp .trivyignore "$work/" 2>/dev/null || : >"$work/.trivyignore"
failed=0
for image in "$@"; do
    # The scanner reads the image from a file and has no access to Docker.
    docker save --output "$work/image.tar" "$image"
    docker run --rm --user "$(id -u):$(id -g)" --volume "$work:/work" "$trivy" image --input /work/image.tar \
        --cache-dir /work/cache --ignorefile /work/.trivyignore --scanners vuln,secret --ignore-unfixed \
        --severity HIGH,CRITICAL --exit-code 1 --no-progress ||
        {
            echo "scan_images: $image: there are findings, or Trivy could not run; its report is above." >&2
            failed=1
        }
done
exit "$failed"
