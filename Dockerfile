# syntax=docker/dockerfile:1

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
# The lock pins every package by hash; it changes more rarely than the code.
COPY requirements.lock /tmp/requirements.lock
RUN /venv/bin/pip install --require-hashes --requirement /tmp/requirements.lock

FROM python:3.11-slim-bookworm AS runtime
# HOME: some libraries want to write there; it is a tmpfs when run by docker-compose.yml.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=campus.settings.production \
    STATIC_ROOT=/app/staticfiles \
    CAMPUS_MODELS_DIR=/models \
    HOME=/tmp
RUN groupadd --system --gid 10001 campus \
    && useradd --system --uid 10001 --gid campus --no-create-home --shell /usr/sbin/nologin campus \
    && install -d -o campus -g campus /models /backup
WORKDIR /app
COPY --from=build /venv /venv
COPY manage.py pyproject.toml ./
COPY campus ./campus
COPY apps ./apps
COPY templates ./templates
COPY static ./static
COPY locale ./locale
COPY deploy/healthcheck.py deploy/granian-logging.json ./deploy/
# Production settings refuse to load without secrets: these exist for this one command only.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_hex(32))')" \
    CAMPUS_MASTER_KEY="$(python -c 'import secrets; print(secrets.token_hex(32))')" \
    ALLOWED_HOSTS=build.invalid \
    DATABASE_URL=postgresql://build@127.0.0.1/build \
    REDIS_URL=redis://127.0.0.1/0 \
    python manage.py collectstatic --noinput --verbosity 0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "deploy/healthcheck.py"]
CMD ["granian", "campus.wsgi:application", "--interface", "wsgi", \
     "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "2", \
     "--workers-kill-timeout", "10", "--respawn-failed-workers", "--no-ws", \
     "--log-config", "deploy/granian-logging.json"]
