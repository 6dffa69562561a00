# The three images of Idlewild: `docker build --target operator|portal|agent .`
# Each is Node and one bundled program. They run on a read-only root, write only to what is mounted, and open no port below 1024.
# Kubernetes asks by the probes of the chart; HEALTHCHECK says the same to who runs an image by itself.

# Both want a `node` of version 24 in the path. What is built is the same for every architecture, so that one machine builds for all.
ARG BUILD=docker.io/library/node:24-slim
ARG BASE=docker.io/library/node:24-slim

FROM --platform=$BUILDPLATFORM ${BUILD} AS build
WORKDIR /source
# What is installed depends on these alone, so that a change of the sources installs nothing anew.
COPY package.json package-lock.json ./
COPY agent/package.json agent/
COPY bench/package.json bench/
COPY e2e/package.json e2e/
COPY lab/package.json lab/
COPY operator/package.json operator/
COPY simulation/package.json simulation/
COPY web/package.json web/
# No package gets to run anything.
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --prefer-offline \
    --include-workspace-root -w agent -w operator -w web
COPY tsconfig.json ./
COPY scripts/bundle.ts scripts/bundle-agent.ts scripts/bundle-operator.ts scripts/bundle-portal.ts scripts/
COPY agent/src agent/src
COPY operator/src operator/src
COPY web web
ARG VERSION=0.1.0
RUN node scripts/bundle-operator.ts /built/operator "$VERSION" && \
    node scripts/bundle-portal.ts /built/portal && \
    node scripts/bundle-agent.ts /built/agent
# The machine's programs are mounted at /host/usr. They look for their libraries where its links into /usr are; no machine of arm64 has
# the second one, so that it cannot be mounted.
RUN mkdir -p /built/host/usr && ln -s usr/lib /built/host/lib && ln -s usr/lib64 /built/host/lib64
RUN cd web && node ../node_modules/vite/bin/vite.js build --logLevel warn --outDir /built/web

FROM ${BASE} AS program
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/idlewild-dev/idlewild
LABEL org.opencontainers.image.vendor="Idlewild" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The user has no home of its own, and /tmp is where it may write.
ENV NODE_ENV=production HOME=/tmp
COPY LICENSE /opt/idlewild/LICENSE
WORKDIR /opt/idlewild

FROM program AS operator
LABEL org.opencontainers.image.title="Idlewild operator" \
      org.opencontainers.image.description="Matches jobs with machines and keeps them running"
COPY --from=build /built/operator /opt/idlewild/operator
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "--enable-source-maps", "--max-semi-space-size=16", "--heap-growing-percent=25", "--v8-pool-size=1", "--expose-gc", "/opt/idlewild/operator/main.mjs"]
CMD ["--metrics-host=0.0.0.0", "--metrics-port=8080"]

FROM program AS portal
LABEL org.opencontainers.image.title="Idlewild portal" \
      org.opencontainers.image.description="Jobs, machines and consoles in a browser"
COPY --from=build /built/portal /opt/idlewild/portal
COPY --from=build /built/web /opt/idlewild/web
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "--max-semi-space-size=2", "/opt/idlewild/portal/main.mjs", "--web=/opt/idlewild/web"]
CMD ["--host=0.0.0.0", "--port=8080"]

FROM program AS agent
LABEL org.opencontainers.image.title="Idlewild agent" \
      org.opencontainers.image.description="Protects the owner of a lab machine, and lends what the owner does not use"
COPY --from=build /built/agent /opt/idlewild/agent
COPY --from=build /built/host /host
# The dead man's switch, which the chart puts on the machine and the machine's systemd runs. For that, the image needs a shell.
COPY --chmod=0755 agent/host/idlewild-fence /opt/idlewild/host/idlewild-fence
COPY --chmod=0644 agent/host/idlewild-fence.service /opt/idlewild/host/idlewild-fence.service
# Root: it reads input devices, throttles control groups and ends the processes of guests, all of which belong to the machine's root.
USER 0:0
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["test", "-S", "/host/run/idlewild/owner.sock"]
ENTRYPOINT ["node", "--max-semi-space-size=1", "--no-opt", "--no-maglev", "--no-sparkplug", "--no-node-snapshot", "--expose-gc", "/opt/idlewild/agent/main.mjs"]
