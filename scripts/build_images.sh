#!/usr/bin/env bash
# Builds the images and prints their sizes. Run it by hand or let a workflow do it.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
Usage: scripts/build_images.sh [--tag TAG] [IMAGE ...]
Builds reviewlens-IMAGE:TAG for each stage of the Dockerfile that is named: backend, frontend, pipeline,
standalone, training (default: all of these). TAG is "local" unless it is given; deployments use the commit's full hash.
Ends with 1 where a build fails or an image is larger than it may be.
TEXT
}

# The largest that each deployed image may be, in MB as docker counts them.
limit() {
    case $1 in
        backend) echo 650 ;;
        frontend) echo 800 ;;
        pipeline) echo 1500 ;;
        *) echo 0 ;;
    esac
}

tag=local
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
        backend | frontend | pipeline | standalone | training) images+=("$1") ;;
        *)
            echo "build_images: what is $1?" >&2
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
    docker build --target "$image" --label "org.opencontainers.image.revision=$tag" --tag "reviewlens-$image:$tag" . ||
        {
            echo "build_images: $image could not be built; what docker said stands above." >&2
            exit 1
        }
done
for image in "${images[@]}"; do
    megabytes=$(($(docker image inspect --format '{{.Size}}' "reviewlens-$image:$tag") / 1000000))
    most=$(limit "$image")
    if [ "$most" -gt 0 ] && [ "$megabytes" -gt "$most" ]; then
        echo "build_images: reviewlens-$image:$tag is $megabytes MB; it may be $most MB." >&2
        failed=1
    else
        echo "build_images: reviewlens-$image:$tag is $megabytes MB" >&2
    fi
done
exit "$failed"
