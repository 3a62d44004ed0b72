"""The store on SQLite and on PostgreSQL: the same tests for both."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from classifier.store.tables import Base


def test_the_migrations_make_what_the_tables_say(store):
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
