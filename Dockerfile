# syntax=docker/dockerfile:1

# By its digest, so that an image that is built again is built on the same; that of a newer one is told by
# `docker buildx imagetools inspect python:3.14-slim`. It stands in both stages.
FROM python:3.14.7-slim@sha256:ce40764625a4ff50df3548277632e7f96c4e77fe75fa848aae9885476e7df5a4 AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/nexgent
ENV PATH=/opt/nexgent/bin:$PATH
WORKDIR /build
# The packages first: they change less often than the code. Every extra is among them: nothing is installed in a container.
COPY requirements-image.lock ./
# Exactly what the lock names: nothing is resolved, whatever the index offers by now. Another index: --build-arg PIP_INDEX_URL=…
ARG PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST
RUN pip install --no-deps --require-hashes --only-binary :all: --requirement requirements-image.lock && pip check
COPY LICENSE README.md env.example pyproject.toml ./
COPY migrations ./migrations
COPY src ./src
RUN pip install --no-deps --no-index --no-build-isolation . && pip uninstall --yes editables hatchling

FROM python:3.14.7-slim@sha256:ce40764625a4ff50df3548277632e7f96c4e77fe75fa848aae9885476e7df5a4
# Embedded servers, when DATABASE_URL or REDIS_URL is not set, keep their data in /data; they refuse root.
RUN useradd --uid 10001 --create-home --home-dir /app nexgent && install -d -o nexgent -g nexgent -m 700 /data
COPY --from=build /opt/nexgent /opt/nexgent
WORKDIR /app
COPY alembic.ini ./
COPY migrations ./migrations
ENV PATH=/opt/nexgent/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NEXGENT_DATA_DIR=/data \
    HOST=0.0.0.0 \
    PORT=4000
USER 10001:10001
VOLUME /data
EXPOSE 4000
# A graceful stop lets trades in flight finish.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/api/v1/health/live\", timeout=2)"]
CMD ["nexgent", "serve"]
