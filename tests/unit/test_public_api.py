import re
from importlib.metadata import packages_distributions
from pathlib import Path

import api
import classifier
import training
from api.problems import STATUS, TITLES
from classifier.errors import ReboundError
from classifier.settings import Settings

ROOT = Path(__file__).parents[2]


def leaves(base):
    return {base} | {leaf for sub in base.__subclasses__() for leaf in leaves(sub)}


def test_every_public_name_exists_and_is_listed_in_order():
    assert all(hasattr(classifier, name) for name in classifier.__all__)
    assert sorted(classifier.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n)) == list(classifier.__all__)


def test_no_other_distribution_ships_our_packages():
    for package in (api, classifier, training):
        # An editable install names no packages; a second distribution that ships one of them would.
        assert set(packages_distributions().get(package.__name__, ())) <= {"rebound-dsn"}
        assert Path(next(iter(package.__path__))).parent == ROOT


def test_every_error_code_has_a_status_a_title_and_a_line_in_the_docs():
    codes = {error.code for error in leaves(ReboundError) if error.__module__.split(".")[0] in ("api", "classifier")}
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/errors.md").read_text(), flags=re.MULTILINE))
    assert codes <= set(STATUS)
    assert set(STATUS) == set(TITLES) == documented


def test_every_setting_is_documented_with_its_default():
    text = (ROOT / "docs/settings.md").read_text()
    documented = dict(re.findall(r"^\| `REBOUND_(\w+)` \| `?([^|`]*)`? \|", text, flags=re.MULTILINE))
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    assert set(documented) == set(fields)
    for name, default in documented.items():
        expected = fields[name].default
        assert default.strip() == ("unset" if expected is None else str(expected)), name
