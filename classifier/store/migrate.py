"""The schema brought up to date, once, however many processes start at the same moment."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from classifier.errors import StoreRefused

_LOCK = 0x5EB0_07D8
"""Any number; all Rebounds that share a PostgreSQL database take the same."""


def migrate(engine: Engine) -> None:
    """Bring the database to this program's schema; one that is there already is only looked at.

    Everything happens in one transaction: on SQLite it holds the write lock from its beginning, on PostgreSQL an advisory
    lock, so that whoever comes second waits and then finds nothing to do.

    Raises:
        StoreRefused: A newer program made the database.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        if _revision(connection) == scripts.get_current_head():
            return
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _revision(connection)
        known = {script.revision for script in scripts.walk_revisions()}
        if found is not None and found not in known:
            raise StoreRefused(f"the database is at revision {found!r}, which this version of Rebound does not know")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
