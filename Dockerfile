# One image: the scheduler with its API, and the bundles that the agents fetch from it.
#
#   docker build -t cassandra-mesos .
#   docker run --network host -e ZOOKEEPER_SERVERS=… -e MESOS_MASTER=… -e SERVICE_USER=nobody cassandra-mesos

# A tag can be moved to another image. Name the digest that you have checked to build from that one alone:
#   docker build --build-arg BASE=python@sha256:… -t cassandra-mesos .
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS python
ENV PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# The virtual environment of the scheduler. Every package from an index must have the hash that `./dev lock` wrote. So
# nothing may be looked for beside the lists: neither dependencies nor what builds a package. This repository's
# http-parser (see compat/http-parser) is what pymesos requires.
FROM python AS environment
WORKDIR /source
COPY . .
RUN python -m venv /opt/cassandra-mesos \
    && pip=/opt/cassandra-mesos/bin/pip \
    && $pip install --require-hashes --no-deps -r requirements/build.txt \
    && $pip install --require-hashes --no-deps --no-build-isolation -r requirements/runtime.txt \
    && $pip install --no-deps --no-build-isolation ./compat/http-parser . \
    && $pip uninstall --yes setuptools \
    && $pip check

# The bundles: Cassandra's from Maven, the executor's from the environment above.
FROM environment AS bundles
# This Debian release has the Java that Cassandra 5.0 needs; its exact version does not reach the image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends maven openjdk-17-jdk-headless \
    && rm -rf /var/lib/apt/lists/*
RUN /opt/cassandra-mesos/bin/python -m executor.bundle cassandra executor --out /artifacts \
    && /opt/cassandra-mesos/bin/python -m cli.zipapp /artifacts/cassandra-mesos

FROM python AS runtime
RUN groupadd --system --gid 10001 cassandra \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cassandra
COPY --from=environment /opt/cassandra-mesos /opt/cassandra-mesos
COPY --from=bundles /artifacts /var/lib/cassandra-mesos/artifacts
ENV PATH=/opt/cassandra-mesos/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ARTIFACTS_DIR=/var/lib/cassandra-mesos/artifacts
USER 10001:10001
WORKDIR /tmp
EXPOSE 9000
# The same query as that of Marathon's health check, which does not verify the certificate either.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=20 \
    CMD ["python", "-c", "import os, ssl, urllib.request as r; e = os.environ; s = 'https' if e.get('API_CERTIFICATE_FILE') or e.get('API_CERTIFICATE') == 'own' else 'http'; r.urlopen(f\"{s}://127.0.0.1:{os.environ.get('API_PORT') or 9000}/v1/health\", timeout=8, context=ssl._create_unverified_context())"]
ENTRYPOINT ["python", "-m", "scheduler"]
