# One image for the web processes, the worker and every `winnow` command; see docker-compose.yml and docs/operations.md.
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/winnow
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY model model
COPY moderation moderation
COPY examples/form examples/form
RUN /opt/winnow/bin/pip install --constraint constraints.txt .

FROM python:3.12-slim
# The compiler's cache lies on the volume: the root is read-only, and another processor compiles for itself.
ENV PATH=/opt/winnow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/lib/winnow/cache \
    WINNOW_DATA_DIR=/var/lib/winnow \
    WINNOW_HOST=0.0.0.0 \
    WINNOW_LOG_FORMAT=json
RUN useradd --system --uid 10001 --home-dir /var/lib/winnow --shell /usr/sbin/nologin winnow \
    && install --directory --owner winnow --group winnow --mode 700 /var/lib/winnow
COPY --from=build /opt/winnow /opt/winnow
USER winnow
RUN python -m model.compile
VOLUME /var/lib/winnow
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["winnow", "serve"]
