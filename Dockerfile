# mailknock as an image: `docker build -t mailknock .` (doc/DEPLOY.md). Debian 12, the program and what it
# links; runs as a user of its own. tests/package/container_test.py checks what can be checked without an engine.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY tools/install-deps tools/install-deps
RUN tools/install-deps build
COPY . .
RUN make install DESTDIR=/out PREFIX=/usr && strip /out/usr/bin/mailknock

FROM debian:bookworm-slim
# ca-certificates: webhooks by https. publicsuffix: the list that libpsl reads. No versions of packages: what
# Debian 12 has mended is wanted.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
    ca-certificates \
    libc-ares2 \
    libcjson1 \
    libcurl4 \
    libexpat1 \
    libidn2-0 \
    liblz4-1 \
    libmicrohttpd12 \
    libpq5 \
    libpsl5 \
    libseccomp2 \
    libsqlite3-0 \
    libssl3 \
    libunistring2 \
    libuv1 \
    libxxhash0 \
    libzip4 \
    publicsuffix \
    zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10025 --user-group --home-dir /var/lib/mailknock --create-home --shell /usr/sbin/nologin mailknock
COPY --from=build /out/usr/bin/mailknock /usr/bin/mailknock
USER mailknock
WORKDIR /var/lib/mailknock
# Every option is a variable: --helo is MAILKNOCK_HELO. Outside the container it is reached as far as its port is published.
ENV MAILKNOCK_LISTEN=0.0.0.0:8025 STATE_DIRECTORY=/var/lib/mailknock
VOLUME /var/lib/mailknock
EXPOSE 8025
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8025 && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["mailknock"]
CMD ["serve"]
