"""Following a tracking server that is played here; a real one: tests/integration/test_mlflow.py."""

import shutil

import pytest
from structlog.testing import capture_logs

from api.follower import Follower, follower_of
from api.tracking import Registered
from classifier.bundle import MANIFEST, MODEL, sha256_of
from classifier.errors import RegistryUnavailable
from classifier.registry import CHALLENGER, CHAMPION, ModelShelf
from classifier.settings import Settings


class Server:
    """Holds bundles by the number of their version; counts what is fetched."""

    def __init__(self):
        self.aliases, self.bundles, self.tags, self.fetched = {}, {}, {}, []

    def register(self, number, folder, *, tags=True):
        self.bundles[number] = folder
        digest = sha256_of(folder / MANIFEST)
        self.tags[number] = {"label": f"minilm-l4/{number}", "bundle_sha256": digest} if tags else {}
        return number

    def aliased(self, model, alias):
        assert model == "rebound"
        number = self.aliases.get(alias)
        return number and Registered(number=number, source=number, tags=self.tags[number])

    def fetch(self, source, name, folder):
        self.fetched.append((source, name))
        shutil.copyfile(self.bundles[source] / name, folder / name)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def shelf(tmp_path):
    return ModelShelf(tmp_path / "models")


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def follower(server, shelf, clock):
    follower = Follower(server, shelf, "rebound", seconds=1, clock=lambda: clock[0])
    yield follower
    follower.close()


def test_a_promotion_there_is_a_promotion_here_and_fetched_once(server, shelf, follower, bundle):
    server.aliases = {CHAMPION: server.register("7", bundle("7")), CHALLENGER: server.register("8", bundle("8"))}
    follower.look()
    count = len(server.fetched)
    follower.look()
    assert (shelf.label(CHAMPION), shelf.label(CHALLENGER)) == ("minilm-l4/7", "minilm-l4/8")
    assert len(server.fetched) == count == 2 * 7
    assert shelf.history(CHAMPION)[0].why == "rebound version 7 in MLflow"
    assert not (shelf.folder / ".fetched").exists()


def test_without_tags_a_version_is_fetched_once_too(server, shelf, follower, bundle):
    server.aliases = {CHAMPION: server.register("7", bundle("7"), tags=False)}
    follower.look()
    follower.look()
    assert shelf.label(CHAMPION) == "minilm-l4/7"
    assert len(server.fetched) == 7


def test_a_roll_back_there_needs_no_fetching(server, shelf, follower, bundle):
    for number in ("7", "8"):
        server.aliases = {CHAMPION: server.register(number, bundle(number))}
        follower.look()
    server.fetched.clear()
    server.aliases = {CHAMPION: "7"}
    follower.look()
    assert (shelf.label(CHAMPION), server.fetched) == ("minilm-l4/7", [])


def test_no_champion_there_leaves_the_one_here_and_no_challenger_there_ends_the_one_here(
    server, shelf, follower, bundle
):
    server.aliases = {CHAMPION: server.register("7", bundle("7")), CHALLENGER: server.register("8", bundle("8"))}
    follower.look()
    server.aliases = {}
    follower.look()
    assert (shelf.label(CHAMPION), shelf.label(CHALLENGER)) == ("minilm-l4/7", None)


def damaged(folder):
    (folder / MODEL).write_bytes(b"damaged")
    return folder


def test_a_version_that_does_not_fit_is_refused_once_and_tried_again_later(server, shelf, follower, bundle, clock):
    server.aliases = {CHAMPION: server.register("7", bundle("7"))}
    follower.look()
    server.aliases = {CHAMPION: server.register("8", damaged(bundle("8")))}
    with capture_logs() as logs:
        for _ in range(3):
            follower.look()
    assert [line["event"] for line in logs] == ["version_refused"]
    assert shelf.label(CHAMPION) == "minilm-l4/7"
    assert "version 8 in MLflow" in shelf.refused(CHAMPION)
    assert "model.onnx is damaged" in shelf.refused(CHAMPION)
    server.bundles["8"] = bundle("8")
    clock[0] = 601
    follower.look()
    assert (shelf.label(CHAMPION), shelf.refused(CHAMPION)) == ("minilm-l4/8", None)


def test_a_version_that_was_refused_under_one_alias_is_tried_at_once_under_another_and_after_the_alias_moved(
    server, shelf, follower, bundle
):
    server.aliases = {CHAMPION: server.register("7", bundle("7")), CHALLENGER: server.register("8", bundle("8"))}
    server.bundles["8"] = damaged(bundle("9"))
    follower.look()
    assert shelf.label(CHALLENGER) is None
    server.bundles["8"] = bundle("8")
    server.aliases = {CHAMPION: "8"}
    follower.look()
    assert (shelf.label(CHAMPION), shelf.refused(CHAMPION)) == ("minilm-l4/8", None)


def test_a_manifest_that_is_not_the_registered_one_is_refused(server, shelf, follower, bundle):
    server.aliases = {CHAMPION: server.register("7", bundle("7"))}
    server.tags["7"]["bundle_sha256"] = "0" * 64
    follower.look()
    assert shelf.label(CHAMPION) is None
    assert "not the one that was registered" in shelf.refused(CHAMPION)


def test_another_bundle_under_a_label_that_is_taken_is_refused(server, shelf, follower, bundle):
    shelf.put(bundle("7", files={"scorecard.json": b"{}"}))
    server.aliases = {CHAMPION: server.register("7", bundle("7"))}
    follower.look()
    assert shelf.label(CHAMPION) is None
    assert "another bundle of the label minilm-l4/7" in shelf.refused(CHAMPION)


def test_a_manifest_cannot_name_files_outside_its_folder(server, shelf, follower, bundle):
    folder = bundle("7", files={})
    text = (folder / MANIFEST).read_text().replace('"scorecard.json"', '"../../scorecard.json"')
    (folder / MANIFEST).write_text(text)
    server.aliases = {CHAMPION: server.register("7", folder)}
    follower.look()
    assert "no plain name" in shelf.refused(CHAMPION)
    assert ("7", "../../scorecard.json") not in server.fetched


def test_a_bundle_that_was_damaged_here_is_fetched_anew(server, shelf, follower, bundle):
    server.aliases = {CHAMPION: server.register("7", bundle("7"))}
    follower.look()
    damaged(shelf.path("minilm-l4/7"))
    follower.look()
    assert shelf.bundle("minilm-l4/7").manifest.version == "7"


def test_a_server_that_is_away_changes_nothing(server, shelf, follower, bundle, monkeypatch):
    server.aliases = {CHAMPION: server.register("7", bundle("7"))}
    follower.look()

    def away(*_):
        raise RegistryUnavailable("away")

    monkeypatch.setattr(server, "aliased", away)
    with pytest.raises(RegistryUnavailable):
        follower.look()
    assert shelf.label(CHAMPION) == "minilm-l4/7"


def test_one_of_two_processes_asks_until_it_ends(server, shelf, follower, bundle):
    follower.look()
    other = Follower(server, shelf, "rebound", seconds=1)
    server.aliases = {CHAMPION: server.register("7", bundle("7"))}
    other.look()
    assert shelf.label(CHAMPION) is None
    follower.close()
    other.look()
    other.close()
    assert shelf.label(CHAMPION) == "minilm-l4/7"


def test_a_fixed_bundle_follows_nobody(tmp_path):
    uri = "http://127.0.0.1:9"
    assert follower_of(Settings(mlflow_tracking_uri=uri, bundle_dir=tmp_path)) is None
    assert follower_of(Settings(mlflow_tracking_uri=uri)) is not None
    assert follower_of(Settings()) is None
