"""The notebooks run from beginning to end, and come to what they say."""

import json
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 600


class OwnKernel(AsyncKernelManager):
    """The kernel of the Python that runs the tests, whatever kernels are registered on the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Run a notebook, and return what some expressions are at its end, and what it has shown."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))  # nobody's own start-up files
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))

    def run(name: str, **expressions: str):
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        asked = ", ".join(f'"{key}": {expression}' for key, expression in expressions.items())
        notebook.cells.append(nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({{{asked}}}))"))
        client = NotebookClient(
            notebook, kernel_manager_class=OwnKernel, timeout=CELL_SECONDS, resources={"metadata": {"path": str(ROOT)}}
        )
        client.execute()
        shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert not [output.text for output in shown if output.output_type == "stream" and output.name == "stderr"]
        return json.loads(shown[-1].text), [output.data for output in shown if "data" in output]

    return run


def pictures(shown):
    return sum("image/png" in data for data in shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_carries_no_outputs_and_says_for_whom_it_is(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count is not None for cell in code)
    assert notebook.metadata.kernelspec.name == "python3"
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert "**For**" in first.source
    assert "**You learn**" in first.source


def test_all_four_notebooks_are_there():
    names = ["01_explore", "02_retrain_and_compare", "03_errors_and_calibration", "04_a_category_of_your_own"]
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.slow
def test_explore_shows_a_month_and_finds_the_change_of_wording(results):
    found, shown = results(
        "01_explore",
        failures="failures",
        templates="len(templates)",
        alarms="[[a.code, a.provider, a.templates, (today - a.since).days] for a in alarms]",
        languages="len(languages)",
        folder="os.path.exists(scratch.name)",
    )
    assert found["failures"] > 100 * found["templates"] > 10_000
    assert found["alarms"] == [["new_wording", "google", 3, 2]]
    assert found["languages"] >= 20
    assert found["folder"] is False
    assert pictures(shown) == 4


@pytest.mark.slow
def test_retrain_teaches_the_wording_and_the_gate_refuses_the_poison(results):
    found, shown = results(
        "02_retrain_and_compare",
        right_before="right_before",
        right_after="right_after",
        unlabelled="len(unlabelled)",
        pinned="sum(a.verdict.category == TRUE for a in pinned)",
        objections="outcome.objections",
        model="outcome.model",
        champion="champion_now",
        states="states",
        poisoned="poisoned.objections",
        refused="refused",
        accuracy="[card.frozen['all']['accuracy'] for card in both]",
    )
    assert found["pinned"] == 12
    assert found["right_before"] <= 1
    assert found["right_after"] >= 5
    assert found["objections"] == []
    assert found["champion"] == found["model"]
    assert found["accuracy"][1] >= found["accuracy"][0] - 0.005
    assert found["states"] == {"quarantined": 60}
    assert any("user_unknown" in sentence for sentence in found["poisoned"])
    assert found["refused"]
    assert pictures(shown) == 1


@pytest.mark.slow
def test_errors_and_calibration_come_to_the_figures_of_the_scorecard(results):
    found, shown = results(
        "03_errors_and_calibration",
        accuracy="float(right.mean())",
        n="len(rows)",
        ece="ece",
        at_90="float(at_90)",
        best="{str(int(price)): threshold for price, threshold in best.items()}",
        surest="[bool(right[i]) for i in surest]",
    )
    scorecard = json.loads((ROOT / "data/models/standard/scorecard.json").read_text())
    cards = [card["all"] for name, card in scorecard.items() if name.startswith("challenge_")]
    assert found["n"] == sum(card["n"] for card in cards) > 700
    shipped = sum(card["n"] * card["accuracy"] for card in cards) / found["n"]
    assert found["accuracy"] == pytest.approx(shipped, abs=0.01)
    assert found["ece"] < 0.06
    assert found["at_90"] > found["accuracy"]
    assert found["best"]["50"] >= found["best"]["1"]
    assert not any(found["surest"])
    assert pictures(shown) == 4


@pytest.mark.slow
def test_a_category_of_ones_own_is_learned_published_and_taken_back(results):
    found, shown = results(
        "04_a_category_of_your_own",
        first="[finding.code for finding in first]",
        errors="len(errors)",
        hits="hits",
        n="len(UNSEEN)",
        versions="versions",
        current="newest",
        curve="curve",
    )
    assert found["first"] == ["contradictory_example"]
    assert found["errors"] == 0
    assert found["hits"] >= found["n"] - 2
    assert (found["versions"], found["current"]) == ([1, 2], 2)
    assert all(right > 0.75 and rejected > 0.75 for right, rejected in found["curve"])
    assert pictures(shown) == 1
