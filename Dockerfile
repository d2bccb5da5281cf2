# livekit-doctor alone: no shell history, no pip, no rights. What it needs is given when it runs:
#   docker build -t livekit-doctor .
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --network host --env-file .env \
#     -v "$PWD/checks.yaml:/work/checks.yaml:ro" livekit-doctor check
# Pin the image by the digest that you trust: --build-arg PYTHON=python:3.13-slim@sha256:...
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /source
RUN python -m venv --without-pip /opt/livekit-doctor
COPY requirements/runtime.lock requirements/release.lock requirements/
RUN python -m pip --python /opt/livekit-doctor/bin/python install --no-cache-dir --require-hashes -r requirements/runtime.lock
RUN python -m venv /build && /build/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/release.lock
COPY pyproject.toml README.md LICENSE ./
COPY livekit_doctor livekit_doctor
RUN SOURCE_DATE_EPOCH=0 /build/bin/python -m hatchling build --target wheel --directory /dist \
    && python -m pip --python /opt/livekit-doctor/bin/python install --no-cache-dir --no-deps /dist/*.whl \
    && /opt/livekit-doctor/bin/python -m compileall -q /opt/livekit-doctor/lib

FROM ${PYTHON}
COPY --from=build /opt/livekit-doctor /opt/livekit-doctor
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/work
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["/opt/livekit-doctor/bin/livekit-doctor"]
CMD ["--help"]
