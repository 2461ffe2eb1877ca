# Two targets: `cpu` (the default) and `cuda`. Build: docker build -t img2img-turbo-server [--target cuda] .

ARG NODE_VERSION=22

# --- build: TypeScript and the studio, with the development packages -------------------------------------------------
FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY tsconfig*.json vite.config.ts ./
COPY src ./src
RUN npm run build
# A clone made under umask 077 is readable by its owner alone, and COPY keeps that.
COPY LICENSE ./
COPY models ./models
RUN chmod -R a+rX package.json LICENSE models

# --- runtime packages only; ONNX Runtime's libraries of other platforms are half of them -----------------------------
FROM node:${NODE_VERSION}-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev \
 && find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 \
      ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +

# --- the same with ONNX Runtime's CUDA libraries, by the package's own script (it downloads them) ---------------------
# Its one choice is called cuda12 still; what it downloads is built with CUDA 13 (see scripts/cuda-libraries.mjs).
FROM packages AS packages-cuda
RUN node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12 \
 && rm -f node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_tensorrt.so

# --- CUDA 13 with cuDNN 9, and Node ----------------------------------------------------------------------------------
# CUDA 13.0 and no newer one: it starts on every driver from 580 on, where newer images demand newer ones (NVIDIA_REQUIRE_CUDA).
FROM nvidia/cuda:13.0.3-cudnn-runtime-ubuntu24.04 AS cuda
COPY --from=build /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
# ubuntu's own unprivileged user (1000) is in the way of the one every target uses.
RUN userdel --remove ubuntu && useradd --uid 1000 --create-home node
# Named by hand, so that a card that cannot be had stops the start: nobody wants this image to serve from the CPU unnoticed.
ENV NODE_ENV=production HOST=0.0.0.0 DEVICES=cuda:0 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=packages-cuda /app/node_modules ./node_modules
RUN --mount=type=bind,source=scripts/cuda-libraries.mjs,target=/tmp/cuda-libraries.mjs node /tmp/cuda-libraries.mjs
COPY --from=build /app/dist ./dist
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/models ./models
# A number: Kubernetes cannot tell of a name that it is not root (runAsNonRoot).
USER 1000
EXPOSE 8080
# The first start on a new card lets cuDNN choose its algorithms for every batch size.
HEALTHCHECK --interval=15s --timeout=5s --start-period=180s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli.js"]

# --- CPU, the default target -----------------------------------------------------------------------------------------
FROM node:${NODE_VERSION}-bookworm-slim AS cpu
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 DEVICES=cpu
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/models ./models
# A number: Kubernetes cannot tell of a name that it is not root (runAsNonRoot).
USER 1000
EXPOSE 8080
# Ready comes after a picture with the default bundle, for which a full-size one needs half a minute once it is loaded.
HEALTHCHECK --interval=15s --timeout=5s --start-period=180s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and needs no --init: it handles SIGTERM from its first moment on and ends every process it starts.
ENTRYPOINT ["node", "dist/cli.js"]
