"""How Alembic reaches the database: over the connection that `classifier.store.migrate` hands it, under its lock.

A developer who runs `alembic revision --autogenerate` has no such connection; the store of the settings is taken.
"""

from alembic import context
from sqlalchemy import Connection

from classifier.settings import Settings
from classifier.store.engine import make_engine
from classifier.store.tables import Base


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=connection.dialect.name == "sqlite"
    )
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    with make_engine(Settings().store_url).begin() as opened:
        _run(opened)
