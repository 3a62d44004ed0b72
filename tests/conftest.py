"""Fixtures that several folders share."""

import atexit
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
