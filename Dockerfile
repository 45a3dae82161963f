# One image for the reference server, the webhook that shows notifications, and `agentobs` with its validator.
#
#   docker build -t agent-observability .
#   docker run --rm -p 127.0.0.1:8000:8000 agent-observability
#   docker run --rm agent-observability agentobs list boards
#
# Behind a proxy that has certificates or an index of its own, hand pip's configuration over as secrets; neither ends up
# in the image:
#   docker build --secret id=pip_conf,src=/etc/pip.conf --secret id=ca_bundle,src=/etc/ssl/certs/ca-certificates.crt .

ARG PYTHON=python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${PYTHON} AS packages
WORKDIR /src
RUN python -m venv /opt/agentobs
ENV PATH=/opt/agentobs/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY docker/requirements.txt docker/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle \
    python -m pip install --quiet --require-hashes --only-binary=:all: --requirement docker/requirements.txt

FROM packages AS builder
COPY pyproject.toml setup.py README.md LICENSE ./
COPY docs/runbooks docs/runbooks
COPY generator generator
COPY reference_server reference_server
# What built it does not run: it goes, and pip goes last.
RUN python -m pip install --quiet --no-index --no-deps --no-build-isolation . \
 && python -m pip uninstall --quiet --yes setuptools \
 && python -m pip uninstall --quiet --yes pip

# The documentation as a site, with the pages of the stack in docker-compose.yml. Only its files leave this stage.
FROM packages AS writer
COPY docker/requirements-docs.txt docker/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle \
    python -m pip install --quiet --require-hashes --only-binary=:all: --no-compile --requirement docker/requirements-docs.txt
COPY *.md LICENSE docker-compose.yml ./
COPY docs docs
COPY dashboards dashboards
COPY alerts alerts
COPY scrape scrape
COPY docker/bundle.yaml docker/
COPY tools/site.py tools/
COPY generator generator
RUN PYTHONPATH=. python tools/site.py /opt/site --config docker/bundle.yaml

FROM ${PYTHON} AS bare
# The base image's own pip and its bundled copy: nothing is installed at run time. Its standard library comes without bytecode,
# which a container that writes nothing would compile anew at every start and every health check.
RUN rm -rf /usr/local/lib/python3.*/site-packages/pip* /usr/local/lib/python3.*/ensurepip /usr/local/bin/pip* \
           /usr/lib/python3.*/ensurepip /usr/share/python-wheels \
 && python -m compileall -q "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY docker/health.py /opt/health.py
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000

# `docker build --target docs .`: a server of files, the one that Python has.
FROM bare AS docs
COPY --from=writer /opt/site /opt/site
HEALTHCHECK --start-period=1m --interval=10s --timeout=5s --retries=6 CMD ["python", "-ISB", "/opt/health.py", "/index.html"]
CMD ["python", "-ISBm", "http.server", "8000", "--directory", "/opt/site"]

FROM bare
COPY --from=builder /opt/agentobs /opt/agentobs
ENV PATH=/opt/agentobs/bin:$PATH LANGGRAPH_SERVER_HOST=0.0.0.0
# Of `agent-reference-server` in whatever part it plays; `agentobs` ends by itself, and nobody waits for its health.
HEALTHCHECK --start-period=2m --interval=10s --timeout=5s --retries=6 CMD ["python", "-ISB", "/opt/health.py"]
CMD ["agent-reference-server"]
