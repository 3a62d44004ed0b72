"""The store on SQLite and on PostgreSQL, the same tests for both: schema, transactions, what happens when it is away."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from classifier.errors import StoreRefused, StoreUnavailable
from classifier.store import LeaseRepository, TrafficRepository, open_store
from classifier.store.tables import Base

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
MIGRATIONS = Path(__file__).parents[2] / "classifier/store/migrations"


def remember(store, *ids):
    with store.session() as session:
        for template_id in ids:
            TrafficRepository(session).remember(template_id, f"text of {template_id}", NOW)


def known(store, *ids):
    with store.reading() as session:
        return TrafficRepository(session).known(ids)


def differences(store):
    with store.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), Base.metadata)


def test_the_migrations_make_what_the_tables_say(store):
    assert differences(store) == []


def test_every_migration_can_be_undone_and_made_again(store):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(store.engine).get_table_names()) == {"alembic_version"}
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    assert differences(store) == []


def test_many_processes_that_start_at_once_make_the_schema_once(store_url, in_processes):
    in_processes(
        8,
        """
def work(i, url):
    with open_store(url).session() as session:
        TrafficRepository(session).remember(f"{i:016x}", "text", datetime.now(UTC))
""",
    )
    store = open_store(store_url)
    assert len(known(store, *(f"{i:016x}" for i in range(8)))) == 8
    assert differences(store) == []
    store.close()


def test_what_was_written_is_there_when_the_store_is_opened_again(store, store_url):
    remember(store, "a")
    store.close()
    again = open_store(store_url)
    with again.reading() as session:
        template = TrafficRepository(session).template("a")
    assert (template.text, template.first_seen) == ("text of a", NOW)
    again.close()


def test_a_database_of_a_newer_version_is_refused(store, store_url):
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(StoreRefused, match="from_the_future"):
        open_store(store_url)


@pytest.mark.parametrize("url", ["mysql://h/d", "no url", "sqlite://", "sqlite:///:memory:", "postgresql://h:port/d"])
def test_a_url_that_names_no_usable_database_is_refused_without_its_password(url):
    with pytest.raises(StoreRefused, match="REBOUND_DATABASE_URL") as refused:
        open_store(url.replace("//", "//ann:secret@", 1) if "//h" in url else url)
    assert "secret" not in str(refused.value)


def test_an_error_rolls_everything_back(store):
    def write_and_fail():
        with store.session() as session:
            TrafficRepository(session).remember("a", "text", NOW)
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert known(store, "a") == set()


def test_a_transaction_that_only_reads_cannot_write(store):
    with pytest.raises(StoreUnavailable), store.reading() as session:
        TrafficRepository(session).remember("a", "text", NOW)
    remember(store, "b")
    assert known(store, "a", "b") == {"b"}


def test_readers_do_not_wait_for_a_writer(store):
    remember(store, "a")
    written, read = Event(), Event()

    def write():
        with store.session() as session:
            TrafficRepository(session).remember("b", "text", NOW)
            written.set()
            assert read.wait(20)

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(write)
        assert written.wait(20)
        assert known(store, "a", "b") == {"a"}
        read.set()
        writer.result()
    assert known(store, "a", "b") == {"a", "b"}


def test_writers_that_read_first_wait_for_each_other_and_none_fails(store):
    def step(owner):
        for _ in range(10):
            with store.session() as session:
                leases = LeaseRepository(session)
                leases.holder("x", NOW)
                leases.acquire("x", owner, seconds=-1, at=NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(step, "abcd"))


def test_sqlite_writes_ahead_and_syncs_at_checkpoints(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/x.db")
    with store.session() as session:
        pragmas = [session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "busy_timeout")]
    assert pragmas == ["wal", 1, 30_000]
    store.close()


def test_a_damaged_file_is_no_traceback(tmp_path):
    (tmp_path / "x.db").write_bytes(b"no database" * 1_000)
    with structlog.testing.capture_logs() as logs, pytest.raises(StoreUnavailable):
        open_store(f"sqlite:///{tmp_path}/x.db")
    assert "not a database" in logs[0]["reason"]


def test_connections_that_the_server_cut_are_replaced(postgresql):
    store = open_store(postgresql.replace("NAME", "postgres"))
    remember(store, "a")
    import psycopg

    with psycopg.connect(postgresql.replace("NAME", "postgres"), autocommit=True) as connection:
        cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'rebound'"
        assert connection.execute(cut).fetchone()[0] >= 1
    assert known(store, "a") == {"a"}
    store.close()


def away_and_back(store_url, tmp_path):
    """Return the URL of a database that does not answer, and what brings it back."""
    if store_url.startswith("sqlite"):
        blocked = tmp_path / "blocked"
        blocked.write_text("no folder")
        return f"sqlite:///{blocked}/x.db", blocked.unlink
    name, rest = store_url.partition("@/")[2].split("?")
    import psycopg

    def create():
        with psycopg.connect(f"postgresql://postgres@/postgres?{rest}", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE later_{name}")

    return store_url.replace(name, f"later_{name}"), create


def test_a_database_that_is_away_is_waited_for_and_said_once(store_url, tmp_path):
    url, bring_back = away_and_back(store_url, tmp_path)
    with pytest.raises(StoreUnavailable):
        open_store(url)
    with structlog.testing.capture_logs() as logs:
        store = open_store(url, must_answer=False)
        for _ in range(3):
            with pytest.raises(StoreUnavailable), store.session():
                raise AssertionError("there is no transaction")
        bring_back()
        remember(store, "a")
        assert known(store, "a") == {"a"}
    assert [line["event"] for line in logs] == ["store_unavailable", "store_available"]
    store.close()
