# The image of meshmock: Node.js, the built program and the packages that are not built into it.
# The program needs no shell and no root, and it writes no files.
#
#   docker build -t meshmock .
#   docker buildx build --platform linux/amd64,linux/arm64 -t NAME:TAG --push .
#
# Both bases can be any image with `node` 24 or later on its PATH. For a reproducible build, pin both by digest:
#   docker buildx imagetools inspect node:26-slim    # prints the digest
#   docker build --build-arg BASE=node:26-slim@sha256:… --build-arg BUILD_BASE=node:26-slim@sha256:… -t meshmock .
ARG BUILD_BASE=node:26-slim
ARG BASE=node:26-slim

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

FROM ${BASE}
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
