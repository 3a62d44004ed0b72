"""The wheel that users install: built, put into a fresh environment, run without torch."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_carries_packages_and_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} <= {
        "api",
        "classifier",
        "training",
        f"{wheel.name.rsplit('-', 3)[0]}.dist-info",
    }
    assert "classifier/_data/taxonomy/standard.toml" in names
    assert "classifier/_data/crosswalks/powermta.toml" in names
    assert "classifier/_data/models/standard/model.onnx" in names
    assert "classifier/store/migrations/env.py" in names
    assert any(name.startswith("classifier/store/migrations/versions/r0001") for name in names)


@pytest.mark.slow
def test_a_fresh_environment_serves_without_torch(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    python = tmp_path / "env/bin/python"
    install = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{wheel}[serve]"]
    subprocess.run(install, check=True, capture_output=True)
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], check=True, capture_output=True, text=True
    ).stdout
    names = {package["name"].lower() for package in json.loads(listed)}
    assert not names & {"torch", "transformers", "datasets"}
    command = [tmp_path / "env/bin/rebound", "classify", "-"]
    done = subprocess.run(
        command, input='{"text": "550 5.1.1 no such user"}', capture_output=True, text=True, check=True, cwd=tmp_path
    )
    answer = json.loads(done.stdout)
    assert (answer["category"], answer["source"]) == ("user_unknown", "model")
    code = "from classifier.store import open_store; open_store('sqlite:///state/rebound.db').close()"
    subprocess.run([python, "-c", code], check=True, cwd=tmp_path)
    assert (tmp_path / "state/rebound.db").is_file()
    code = "import api.app, classifier, sys; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([python, "-c", code], check=True, cwd=tmp_path)
