"""The shipped unit and manifest call commands that there are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from training.cli import main
from training.retrain_cli import BUSY

DEPLOY = Path(__file__).parents[2] / "deploy"


def options_of(command):
    shown = CliRunner().invoke(main, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert shown.exit_code == 0
    return set(re.findall(r"--[a-z-]+", shown.output))


def assert_runs(words):
    assert words[0].rpartition("/")[2] == "rebound-train"
    assert {word for word in words[2:] if word.startswith("--")} <= options_of(words[1])


def test_the_cron_job_calls_a_command_that_there_is():
    document = yaml.safe_load((DEPLOY / "rebound-train-cronjob.yaml").read_text())
    assert (document["apiVersion"], document["kind"]) == ("batch/v1", "CronJob")
    assert document["spec"]["concurrencyPolicy"] == "Forbid"
    pod = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert_runs(container["command"])
    job = document["spec"]["jobTemplate"]["spec"]
    (rule,) = job["podFailurePolicy"]["rules"]
    # Kubernetes takes the policy only where the pod is never restarted in place, and exit codes only of a named container.
    assert pod["restartPolicy"] == "Never"
    assert (rule["onExitCodes"]["containerName"], rule["onExitCodes"]["values"]) == (container["name"], [BUSY])
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_unit_calls_a_command_that_there_is():
    (line,) = re.findall(r"^ExecStart=(.+)$", (DEPLOY / "rebound-train.service").read_text(), re.MULTILINE)
    assert_runs(line.split())
    assert "Unit=rebound-train.service" in (DEPLOY / "rebound-train.timer").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_reads_unit_and_timer_without_complaint(tmp_path):
    for name in ("rebound-train.service", "rebound-train.timer"):
        text = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/rebound/.venv/bin/rebound-train", "/bin/true"))
    found = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "rebound-train.service", tmp_path / "rebound-train.timer"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.stderr == ""
    assert found.returncode == 0
