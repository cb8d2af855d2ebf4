# The image of a service: Node.js, the built program and the packages that are not built into it.
# The program needs no shell and no root, and it writes no files.
#
#   docker build -t meshmock .
#   docker buildx build --platform linux/amd64,linux/arm64 -t NAME:TAG --push .
#
# The local mesh is another target, `mesh`: see below, and docs/containers.md.
#
# Both bases can be any image with `node` 22.19 or later on its PATH. For a reproducible build, pin both by digest:
#   docker buildx imagetools inspect node:26-slim    # prints the digest
#   docker build --build-arg BASE=node:26-slim@sha256:… --build-arg BUILD_BASE=node:26-slim@sha256:… -t meshmock .
ARG BUILD_BASE=node:26-slim
ARG BASE=node:26-slim
ARG MESH_BASE=node:26-bookworm-slim
ARG GO_BASE=golang:1.26-bookworm

# Runs once, on the builder's platform, for all platforms: the next stage copies only JavaScript from here.
FROM --platform=$BUILDPLATFORM ${BUILD_BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# With a private registry: docker build --secret id=npmrc,src=$HOME/.npmrc
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts --no-audit --no-fund
COPY build build
COPY proto proto
COPY src src
# Deletes the half of node_modules that only people, compilers and debuggers read. Licences stay.
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && find dist node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.[cm]ts' -o -name '*.md' -o -name '*.tsbuildinfo' \) -delete \
  && chmod -R a+rX .

# The image of the local mesh, whose parts are built once, outside of this build, because one of them needs privileges:
#
#   docker build --target mesh-tools-builder -t mesh-tools-builder .
#   docker run --rm --privileged -v "$PWD/mesh-tools:/mesh-tools" mesh-tools-builder
#   docker build --target mesh --build-context mesh-tools=mesh-tools -t meshmock:mesh .
#
# A machine with Go, pip and root does the same with: sudo build/mesh-tools.sh mesh-tools
#
# GO_BASE can be any image of Debian or Ubuntu with `go` on its PATH, and MESH_BASE one with `node`.
FROM ${GO_BASE} AS mesh-tools-builder
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3-pip iproute2 iptables util-linux mount \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY LICENSE ./
COPY build/mesh-tools.sh build/
COPY src/istio/tools src/istio/tools
# Keep this folder in a volume to build only what has changed.
ENV MESHMOCK_TOOLS=/cache
ENTRYPOINT ["/app/build/mesh-tools.sh", "/mesh-tools"]

# Empty. It is replaced by --build-context mesh-tools=FOLDER.
FROM scratch AS mesh-tools

# The layers are in the order of their changes: a change of our program keeps the layers of Istio and Kubernetes.
FROM ${MESH_BASE} AS mesh
RUN apt-get update \
  && apt-get install -y --no-install-recommends iproute2 iptables util-linux mount \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/log/*
ENV MESHMOCK_TOOLS=/opt/meshmock/tools
COPY --from=mesh-tools licences /usr/share/doc/meshmock/licences
COPY --from=mesh-tools tools/envoy /opt/meshmock/tools
COPY --from=mesh-tools tools/jaeger /opt/meshmock/tools
COPY --from=mesh-tools tools/kube /opt/meshmock/tools
COPY --from=mesh-tools tools/istio /opt/meshmock/tools
COPY --from=mesh-tools tools/istioctl /opt/meshmock/tools
COPY --from=mesh-tools tools/cluster /opt/meshmock/tools
WORKDIR /app
COPY src/istio/tools src/istio/tools
# Fails if the tools are those of another version, or of another processor: bytes 18 and 19 of a program name it.
RUN src/istio/tools/install.sh istio envoy jaeger kube istioctl cluster \
  && find /opt/meshmock/tools -type f -perm /111 | while read -r program; do \
    cmp --ignore-initial=18 --bytes=2 "$program" /bin/sh \
      || { echo "$program is for another processor than this image" >&2; exit 1; }; \
  done
RUN ln -s /app/dist/cli/main.js /usr/local/bin/meshmock
COPY LICENSE ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/proto proto
COPY istio istio
COPY --from=build /app/dist dist
# A published port leads to the address of the container, not to localhost.
ENV NODE_ENV=production MESHMOCK_HTTP=:8080 MESHMOCK_JAEGER=:16686 MESHMOCK_PAGE=:20080
WORKDIR /repo
EXPOSE 8080-8090 16686 20080
STOPSIGNAL SIGTERM
ENTRYPOINT ["meshmock"]
CMD ["istio", "up"]

ARG MESH_BASE
ARG SOURCE=""
ARG VERSION=""
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="meshmock-mesh" \
  org.opencontainers.image.description="A real Istio on one machine, with a mock in place of each workload" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.base.name="${MESH_BASE}"

FROM ${BASE} AS service
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/proto proto
COPY --from=build /app/dist dist
ENV NODE_ENV=production
USER 65532:65532
EXPOSE 8080 9090 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["serve"]

ARG BASE
ARG SOURCE=""
ARG VERSION=""
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="meshmock" \
  org.opencontainers.image.description="A mock service for exploring a service mesh" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.base.name="${BASE}"
