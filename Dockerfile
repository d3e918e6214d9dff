# The gateway with its plugins, as it runs in production: docs/image.md says how to build and run it.
#
# Any base with Python 3.11 or later and its venv module serves; both stages use the same one, so that the environment's
# python is where it was.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /build
# pip lives outside the environment that is shipped, so nothing in the image can install anything.
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/pulsa-gateway
COPY . .
# The settings of the builder's pip, an index with a password among them, are secrets: no layer and no history keeps
# them. --only-binary: what needs a compiler is refused here.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=certificates \
    /tools/bin/pip wheel --quiet --no-cache-dir --no-deps --wheel-dir /wheels . ./plugins/*/ \
    && /tools/bin/pip --python /opt/pulsa-gateway/bin/python install --quiet --no-cache-dir --no-compile \
        --only-binary=:all: /wheels/*.whl
# A read-only image cannot keep bytecode, so it brings it, for Python's own library too, which the usual bases ship
# without: 0.4 s of CPU at every start. It does not look at times, which a copy or a registry may change.
ENV PYTHONPYCACHEPREFIX=/opt/pulsa-gateway/bytecode
RUN LIBRARY="$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && COMPILE="/opt/pulsa-gateway/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash" \
    && $COMPILE /opt/pulsa-gateway/lib \
    && $COMPILE -x '/(site-packages|dist-packages|test|tests|idlelib|lib2to3|ensurepip|tkinter|turtledemo)/' "$LIBRARY"
# The last stage runs nothing: it needs no shell, and what it gets it gets from here.
RUN echo 'gateway:x:10001:10001:pulsa-gateway:/var/lib/pulsa-gateway:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'gateway:x:10001:' >> /etc/group \
    && mkdir -p /data/var

FROM ${BASE}
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="pulsa-gateway" \
      org.opencontainers.image.description="One HTTP API in front of many Indonesian pulsa and PPOB suppliers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /etc/passwd /etc/group /etc/
COPY --from=build /opt/pulsa-gateway /opt/pulsa-gateway
COPY --from=build --chown=10001:10001 /data /var/lib/pulsa-gateway
# GATEWAY_ADMIN_PORT is for the healthcheck alone: set it where server.admin_port is not 9090.
ENV PATH=/opt/pulsa-gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPYCACHEPREFIX=/opt/pulsa-gateway/bytecode \
    PYTHONUNBUFFERED=1 \
    GATEWAY_CONFIG=/etc/pulsa-gateway/gateway.yaml \
    GATEWAY_ADMIN_PORT=9090
# By number, so that a cluster can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/pulsa-gateway
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys\n\
call = http.client.HTTPConnection('127.0.0.1', int(os.environ['GATEWAY_ADMIN_PORT']), timeout=4)\n\
call.request('GET', '/healthz')\n\
sys.exit(call.getresponse().status != 200)"]
ENTRYPOINT ["gateway"]
CMD ["serve", "--config", "/etc/pulsa-gateway/gateway.yaml"]
