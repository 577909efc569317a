# The one image of Damascus: worker, scheduler, API, status sidecar and command line are the same files
# started with different commands. Needs nothing of BuildKit; the classic builder works too.

#
#   docker build --target damascus .       what docker-compose.yml runs; Python and Node for the tests
#   docker build --target worker-go .      the same with Go; worker-rust and worker-jvm likewise

ARG PYTHON_IMAGE=python:3.12-slim
ARG NODE_IMAGE=node:22-bookworm-slim
ARG GO_IMAGE=golang:1.25-bookworm
ARG RUST_IMAGE=rust:1.90-slim-bookworm
ARG JVM_IMAGE=maven:3.9-eclipse-temurin-21

# --- the web page, by the hashes of ui/package-lock.json ---
FROM ${NODE_IMAGE} AS page
WORKDIR /src/ui
COPY ui/package.json ui/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY ui ./
RUN npm run build

# --- the project as a wheel, built offline with the build backend that requirements/dev.lock pins ---
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /src
COPY requirements/dev.lock requirements/
# Only the backend's own blocks of the lock: the rest of the development tools is of no use here.
RUN awk '/^[a-z]/ {keep = /^(hatchling|packaging|pathspec|pluggy|trove-classifiers)==/} keep' \
        requirements/dev.lock >/tmp/build.lock \
    && pip install --no-cache-dir --no-deps --require-hashes -r /tmp/build.lock
COPY pyproject.toml README.md LICENSE CHANGELOG.md schema.sql hatch_build.py ./
COPY src src
COPY --from=page /src/src/damascus/api/static src/damascus/api/static
# What `damascus --version` says it was built from; the label at the end says the same.
ARG REVISION=unknown
RUN REVISION="${REVISION}" pip wheel --no-cache-dir --no-deps --no-build-isolation --no-index -w /dist .

# --- what it runs on: every file checked against requirements/runtime.lock ---
# The web page of LiteLLM's own proxy (20 MB) is not served here.
FROM ${PYTHON_IMAGE} AS python
RUN python -m venv /opt/damascus
COPY requirements/runtime.lock /tmp/
RUN /opt/damascus/bin/python -m pip install --no-cache-dir --no-deps --require-hashes --no-compile \
        -r /tmp/runtime.lock \
    && rm -rf /opt/damascus/lib/python*/site-packages/litellm/proxy/_experimental/out \
    && /opt/damascus/bin/python -m compileall -q -j 0 /opt/damascus/lib
COPY --from=wheel /dist /dist
# `datasets` is left out of the locks: only mini-swe-agent's own benchmark runner uses it.
# pip has done its work when the wheel is in: what is not there cannot be used at run time.
RUN /opt/damascus/bin/python -m pip install --no-cache-dir --no-deps --no-index /dist/*.whl \
    && ! /opt/damascus/bin/python -m pip check \
        | grep -v -e '^No broken' -e '^mini-swe-agent .* requires datasets' \
    && /opt/damascus/bin/python -m pip uninstall -q -y pip

# --- the coding agent, by the hashes of requirements/node/package-lock.json ---
FROM ${NODE_IMAGE} AS agent
WORKDIR /opt/agent
COPY requirements/node/ ./
RUN npm ci --omit=dev --no-audit --no-fund \
    && ./node_modules/.bin/claude --version

# --- the image ---
FROM ${PYTHON_IMAGE} AS damascus
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        bubblewrap ca-certificates git git-lfs tini \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log
RUN groupadd --gid 10001 damascus \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/damascus \
        --shell /usr/sbin/nologin damascus \
    && install -d -o damascus -g damascus -m 0750 /var/lib/damascus
# Node and npm are for the repositories whose tests need them; the agent brings its own runtime.
COPY --from=agent /usr/local/bin/node /usr/local/bin/
COPY --from=agent /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
COPY --from=agent /opt/agent /opt/agent
COPY --from=python /opt/damascus /opt/damascus
COPY docker/health.py /opt/damascus/bin/damascus-health
# /opt/damascus/bin is not on PATH: `python` of the repositories' tests is the clean one, and cannot
# see what Damascus itself is made of.
RUN chmod 0755 /opt/damascus/bin/damascus-health \
    && ln -s /opt/damascus/bin/damascus /opt/damascus/bin/damascus-health \
        /opt/damascus/bin/taskiq /usr/local/bin/ \
    && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
    && ln -s /opt/agent/node_modules/.bin/claude /usr/local/bin/claude

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DAMASCUS_HOME=/var/lib/damascus \
    LITELLM_LOCAL_MODEL_COST_MAP=True \
    LITELLM_LOG=WARNING \
    DISABLE_AUTOUPDATER=1
USER 10001:10001
WORKDIR /
VOLUME /var/lib/damascus
EXPOSE 8080 8090

# tini reaps what agents and tests leave behind, and hands SIGTERM on.
ENTRYPOINT ["tini", "--"]
CMD ["damascus", "--help"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["damascus-health"]

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Damascus" \
      org.opencontainers.image.description="Carries a backlog of stories, unattended, through spec, build, review and merge." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="LicenseRef-Internal"

# --- workers with one more toolchain: its own directory, and a C compiler where it links ---
FROM damascus AS worker-base
USER 0
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev make \
    && rm -rf /var/lib/apt/lists/*

FROM ${GO_IMAGE} AS go
FROM worker-base AS worker-go
COPY --from=go /usr/local/go /usr/local/go
RUN ln -s /usr/local/go/bin/go /usr/local/go/bin/gofmt /usr/local/bin/
USER 10001:10001

FROM ${RUST_IMAGE} AS rust
FROM worker-base AS worker-rust
COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo/bin /usr/local/cargo/bin
ENV RUSTUP_HOME=/usr/local/rustup PATH=/usr/local/cargo/bin:$PATH
USER 10001:10001

FROM ${JVM_IMAGE} AS jvm
FROM damascus AS worker-jvm
USER 0
COPY --from=jvm /opt/java/openjdk /opt/java/openjdk
COPY --from=jvm /usr/share/maven /usr/share/maven
RUN ln -s /opt/java/openjdk/bin/java /opt/java/openjdk/bin/javac /usr/share/maven/bin/mvn /usr/local/bin/
ENV JAVA_HOME=/opt/java/openjdk
USER 10001:10001
