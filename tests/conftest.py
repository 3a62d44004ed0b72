"""Fixtures that several folders share."""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

for _name in [name for name in os.environ if name.startswith("REBOUND_")]:
    # A developer's own settings must not decide a test. REBOUND_GOLDEN_ACCEPT is the tests' own.
    if _name != "REBOUND_GOLDEN_ACCEPT":
        del os.environ[_name]

# Whatever a test starts without a folder of its own keeps its state out of the checkout.
os.environ["REBOUND_DATA_DIR"] = tempfile.mkdtemp(prefix="rebound-tests-")
atexit.register(shutil.rmtree, os.environ["REBOUND_DATA_DIR"], ignore_errors=True)


@pytest.fixture(scope="session")
def shared_corpus() -> Path:
    folder = ROOT.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip("the corpus of real bounces is not beside this checkout")
    return folder


@pytest.fixture
def bundle(tmp_path):
    """Make bundles out of the shipped one: another version, and whatever else of the manifest or the files is to differ.

    With `swap`, two categories change names: a model that answers otherwise, without being trained.
    """
    from classifier.bundle import MANIFEST, sha256_of
    from classifier.resources import resource

    def make(version, *, swap=(), files=None, **changes):
        folder = tmp_path / "made" / f"{version}-{len(list((tmp_path / 'made').glob('*')))}"
        shutil.copytree(resource("models/standard"), folder)
        manifest = json.loads((folder / MANIFEST).read_text())
        for name, content in (files or {}).items():
            (folder / name).write_bytes(content)
            manifest["files"][name] = sha256_of(folder / name)
        swapped = dict([swap, swap[::-1]]) if swap else {}
        manifest["categories"] = [swapped.get(name, name) for name in manifest["categories"]]
        (folder / MANIFEST).write_text(json.dumps(manifest | {"version": version} | changes))
        return folder

    return make
