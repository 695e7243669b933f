#!/usr/bin/env bash
# Builds the images and prints their sizes. People and workflows run it.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
Usage: scripts/build_images.sh [--tag TAG] [--platform PLATFORM] [IMAGE ...]
Builds reviewlens-IMAGE:TAG for each named stage of the Dockerfile: backend, frontend, pipeline, standalone, training
(default: all of them). TAG defaults to "local"; deployments use the commit's full hash. PLATFORM defaults to linux/amd64, as the
task definitions do; use linux/arm64 where Terraform has cpu_architecture = "ARM64".
Exits with 1 if a build fails or an image exceeds its limit.
TEXT
}

# Limit of each deployed image in MB, as docker counts them.
limit() {
    case $1 in
        backend) echo 650 ;;
        frontend) echo 800 ;;
        pipeline) echo 1500 ;;
        *) echo 0 ;;
    esac
}

tag=local
platform=linux/amd64
images=()
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h)
            usage
            exit 0
            ;;
        --tag)
            tag=${2:?--tag needs a value}
            shift
            ;;
        --platform)
            platform=${2:?--platform needs a value}
            shift
            ;;
        backend | frontend | pipeline | standalone | training) images+=("$1") ;;
        *)
            echo "build_images: unknown argument: $1" >&2
            usage >&2
            exit 2
            ;;
    esac
    shift
done
[ ${#images[@]} -gt 0 ] || images=(backend frontend pipeline standalone training)

failed=0
for image in "${images[@]}"; do
    echo "build_images: $image" >&2
    docker build --platform "$platform" --target "$image" --label "org.opencontainers.image.revision=$tag" --tag "reviewlens-$image:$tag" . ||
        {
            echo "build_images: $image could not be built; docker's output is above." >&2
            exit 1
        }
done
for image in "${images[@]}"; do
    megabytes=$(($(docker image inspect --format '{{.Size}}' "reviewlens-$image:$tag") / 1000000))
    limit=$(limit "$image")
    if [ "$limit" -gt 0 ] && [ "$megabytes" -gt "$limit" ]; then
        echo "build_images: reviewlens-$image:$tag is $megabytes MB; the limit is $limit MB." >&2
        failed=1
    else
        echo "build_images: reviewlens-$image:$tag is $megabytes MB" >&2
    fi
done
exit "$failed"
