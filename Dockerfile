# syntax=docker/dockerfile:1
# Two images: `--target serve` (onnxruntime, no torch) and `--target train`.
# Written to the letter of the reference but not built here: no engine was at hand. What is proven instead: the wheel
# that it installs, in a fresh environment, by tests/integration/test_wheel.py.
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /dist

FROM python:3.11-slim AS base
RUN useradd --system --uid 10001 --create-home rebound && install -d -o rebound -g rebound /var/lib/rebound
ENV REBOUND_DATA_DIR=/var/lib/rebound REBOUND_HOST=0.0.0.0 PYTHONUNBUFFERED=1
COPY constraints.txt /tmp/constraints.txt
COPY --from=build /dist/*.whl /tmp/

FROM base AS train
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu \
 && pip install --no-cache-dir -c /tmp/constraints.txt "$(ls /tmp/*.whl)[serve,train]"
USER rebound
WORKDIR /var/lib/rebound
ENTRYPOINT ["rebound-train"]
CMD ["run"]

FROM base AS serve
RUN pip install --no-cache-dir -c /tmp/constraints.txt "$(ls /tmp/*.whl)[serve]"
USER rebound
WORKDIR /var/lib/rebound
EXPOSE 8025
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8025/healthz', timeout=2)"]
ENTRYPOINT ["rebound"]
CMD ["serve"]
