from pathlib import Path

from api.server import environment
from classifier.settings import Settings


def test_the_store_lies_in_the_folder_of_all_state_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("REBOUND_DATA_DIR")
    assert Settings().store_url == "sqlite:///var/rebound.db"
    assert Settings(data_dir=tmp_path).store_url == f"sqlite:///{tmp_path}/rebound.db"
    assert Settings(database_url="postgresql://h/d").store_url == "postgresql://h/d"


def test_a_database_password_is_not_shown():
    settings = Settings(database_url="postgresql://ann:secret@h/d")
    assert "secret" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_worker_processes_read_the_same_settings(monkeypatch):
    settings = Settings(database_url="postgresql://ann:secret@h/d", flush_seconds=0.5, data_dir=Path("state"))
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
