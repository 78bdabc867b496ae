# Serves the app: no training framework, no tests, no data.
#   docker build -t ecgapp . && docker run --rm -p 127.0.0.1:8501:8501 ecgapp --without-login
FROM python:3.13.7-slim-bookworm

# ONNX Runtime reports its use to its maker unless told not to; a hospital's machine should not.
ENV PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1
RUN useradd --system --create-home --uid 10001 ecgapp
WORKDIR /app

COPY requirements-serve.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes \
    -r requirements-serve.txt

# .dockerignore lets through only what serving needs.
COPY . .

USER 10001
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
# It does not start without a login, unless --without-login follows (docs/operations.md).
ENTRYPOINT ["python", "-m", "ecgapp", "app", "--address", "0.0.0.0"]
