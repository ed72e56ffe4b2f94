# The service without an embedded database: LEDGER_DATABASE_URL names a PostgreSQL 15 or later.
# Packages come from where the builder's pip is configured to take them; their hashes are in the locks.

FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
COPY requirements/build.txt requirements/run.txt requirements/
RUN python -m venv /opt/incident-ledger \
    && pip install --require-hashes --requirement requirements/build.txt \
    && /opt/incident-ledger/bin/pip install --require-hashes --requirement requirements/run.txt
COPY pyproject.toml LICENSE README.md ./
COPY ledger ledger
COPY projections projections
COPY seeds seeds
COPY proto/gen proto/gen
# The lock names everything: nothing more is fetched, neither to build the wheel nor to install it.
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/incident-ledger/bin/pip install --no-deps --no-index dist/*.whl

FROM python:3.12-slim
# No shell and no home: the account only runs the service, and owns nothing but its data folder.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ledger \
    && install --directory --owner=ledger --mode=0700 /var/lib/incident-ledger
COPY --from=build /opt/incident-ledger /opt/incident-ledger
ENV PATH=/opt/incident-ledger/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LEDGER_LISTEN=0.0.0.0:50551 \
    LEDGER_DATA_DIR=/var/lib/incident-ledger
USER ledger
WORKDIR /var/lib/incident-ledger
VOLUME /var/lib/incident-ledger
EXPOSE 50551
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["incident-ledger", "health"]
ENTRYPOINT ["incident-ledger"]
CMD ["serve"]
