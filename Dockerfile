# The shop, the nginx that stands in front of it, and who gets its certificate:
#     docker build --target app --tag bookstore .
#     docker build --target edge --tag bookstore-edge .
#     docker build --target acme --tag bookstore-acme .
# SERVICE=catalog makes the image of one service alone, with nothing of the other two in it.
# PYTHON_IMAGE and DEBIAN_IMAGE are any Debian with apt, the first one with Python 3.11 or newer; where no
# registry is at hand, scripts/make-base-image makes one.
# An index of packages or an authority of one's own comes in by the secrets pip_conf and ca_certificates,
# of which nothing is left in the image.
# hadolint global ignore=DL3008
# The versions of Debian's packages are those of its stable release: a version that is pinned here goes from the
# mirrors with the next security update, and the build with it.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${PYTHON_IMAGE} AS build
# The driver of MySQL is compiled. A Python of Debian has its headers in a package, another one beside it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libmariadb-dev pkg-config \
    && headers=$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))') \
    && if [ ! -e "$headers/Python.h" ]; then apt-get install -y --no-install-recommends python3-dev; fi
WORKDIR /build
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/bookstore
COPY requirements/build.txt requirements/production.txt requirements/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_certificates,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/bookstore/bin/python install --no-cache-dir --no-compile \
        --require-hashes -r requirements/production.txt
COPY pyproject.toml README.md LICENSE ./
COPY scripts/build-service scripts/
COPY src src
ARG SERVICE=all
RUN for texts in src/bookstore/*/translations/*/LC_MESSAGES/messages.po; do \
        /opt/bookstore/bin/pybabel --quiet compile --input-file "$texts" --output-file "${texts%.po}.mo" || exit 1; \
    done \
    && PYTHON=/opt/build/bin/python scripts/build-service "$SERVICE" /wheels \
    && /opt/build/bin/pip --python /opt/bookstore/bin/python install --no-cache-dir --no-compile \
        --no-index --no-deps /wheels/*.whl \
    && /opt/bookstore/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        /opt/bookstore/lib

FROM ${PYTHON_IMAGE} AS app
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && groupadd --system --gid 10001 bookstore \
    && useradd --system --uid 10001 --gid bookstore --no-create-home --home-dir /data bookstore \
    && install --directory --owner bookstore --group bookstore /backups /data /media/bookstore
COPY --from=build /opt/bookstore /opt/bookstore
ARG SERVICE=all
ARG VERSION=unknown
ARG COMMIT=
LABEL org.opencontainers.image.title="bookstore" \
    org.opencontainers.image.description="An online marketplace for new and second-hand books" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${COMMIT}" \
    bookstore.service="${SERVICE}"
# Threads that ask for memory at the same moment get heaps of their own, up to eight for each core. Python's threads take
# turns, so that they hardly ever do.
ENV PATH=/opt/bookstore/bin:$PATH \
    MALLOC_ARENA_MAX=2 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BOOKSTORE_ENVIRONMENT=production \
    BOOKSTORE_HOST=0.0.0.0 \
    BOOKSTORE_METRICS_PORT=8001 \
    BOOKSTORE_DATA_DIR=/data \
    BOOKSTORE_MEDIA_DIR=/media/bookstore \
    BOOKSTORE_BACKUP_DIR=/backups \
    BOOKSTORE_EMBEDDED_WORKER=false \
    BOOKSTORE_LOG_FORMAT=json \
    BOOKSTORE_COMMIT=${COMMIT}
USER 10001:10001
# What one container keeps for itself: its search index and its metrics.
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=3s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["bookstore"]
CMD ["serve"]

FROM ${DEBIAN_IMAGE} AS edge
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        brotli gettext-base libnginx-mod-http-brotli-static nginx-light openssl \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /etc/nginx/sites-enabled \
    && groupadd --system --gid 10002 edge \
    && useradd --system --uid 10002 --gid edge --no-create-home --home-dir /nonexistent edge \
    && install --directory --owner edge --group edge /certificates /acme
COPY --from=build /build/src/bookstore/shared/static /usr/share/bookstore/static
# Compressed once and well, instead of at each request.
RUN find /usr/share/bookstore/static -type f \( -name '*.css' -o -name '*.js' -o -name '*.svg' \) \
    -exec gzip --best --keep --no-name {} + -exec brotli --best --keep {} +
COPY --from=build /build/src/bookstore/serving/templates/*.html /usr/share/bookstore/pages/
COPY --from=build /build/src/bookstore/serving/templates/sharing*.conf /usr/share/bookstore/nginx/
COPY deploy/nginx/templates /etc/nginx/templates
COPY --chmod=755 deploy/nginx/start /usr/local/bin/start
ARG VERSION=unknown
ARG COMMIT=
LABEL org.opencontainers.image.title="bookstore-edge" \
    org.opencontainers.image.description="nginx in front of a BookStore" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${COMMIT}"
USER 10002:10002
EXPOSE 8080 8443
# nginx finishes what runs on this signal.
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=3s --timeout=3s --start-period=20s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8081 && printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '200 OK' <&3"]
ENTRYPOINT ["start"]

FROM ${DEBIAN_IMAGE} AS acme
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates lego openssl \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && groupadd --system --gid 10002 edge \
    && useradd --system --uid 10002 --gid edge --no-create-home --home-dir /nonexistent edge \
    && install --directory --owner edge --group edge /certificates /acme
COPY --chmod=755 deploy/acme/start /usr/local/bin/start
ARG VERSION=unknown
ARG COMMIT=
LABEL org.opencontainers.image.title="bookstore-acme" \
    org.opencontainers.image.description="Gets and renews the certificate of a BookStore" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${COMMIT}"
USER 10002:10002
STOPSIGNAL SIGTERM
# It has handed a certificate over, and that one is good for another day.
HEALTHCHECK --interval=60s --timeout=5s --start-period=5m --retries=3 \
    CMD ["openssl", "x509", "-noout", "-checkend", "86400", "-in", "/certificates/issued/fullchain.pem"]
ENTRYPOINT ["start"]
