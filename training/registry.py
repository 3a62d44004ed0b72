"""The model registry: every run and every model in MLflow, with the aliases `champion` and `challenger`.

    run (parameters, figures, pictures, hashes of the data) -> model version (bundle, label, SHA-256, objections)

By default it is an SQLite file and a folder in REBOUND_DATA_DIR, where `mlflow ui` shows it; REBOUND_MLFLOW_TRACKING_URI
names a tracking server instead. mlflow takes seconds to import: only what speaks to it does.
"""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from classifier.bundle import MANIFEST, Bundle, manifest_of, sha256_of
from classifier.errors import BundleRefused, ModelConflict, ModelNotFound, RegistryUnavailable
from classifier.registry import CHALLENGER
from classifier.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "rebound"
BUNDLE, REPORT = "bundle", "report"
_LABEL, _DIGEST, _OBJECTIONS = "label", "bundle_sha256", "objections"
_MOST_IN_TAG = 4_000
_MOST_VERSIONS = 10_000
# Nothing is told to anybody; a server that is away is not asked for minutes on end. What is set already stays.
_MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
}


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is noted of one run.

    Attributes:
        name: Of the run.
        parameters: What it was asked to do.
        figures: Metrics by name; a name has letters, digits and `_-./ ` only.
        data: What it learnt from: name to SHA-256.
        tags: Anything else, short.
        report: Folder with pictures and model card; None without.
        objections: The gate's.
    """

    name: str
    parameters: Mapping[str, Any]
    figures: Mapping[str, float]
    data: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    report: Path | None = None
    objections: Sequence[str] = ()


class Registry:
    """One registered model on one tracking server or in one database.

    Args:
        uri: MLflow's tracking URI.
        model: Name of the registered model.
        artifacts: Folder of files where MLflow is a local database; a tracking server has its own.
    """

    def __init__(self, uri: str, model: str, artifacts: Path) -> None:
        self._uri = uri
        self._model = model
        self._artifacts = artifacts
        self._client: MlflowClient | None = None

    def check(self) -> None:
        """Make sure that the registry answers, before hours of work are meant for it.

        Raises:
            RegistryUnavailable: It does not.
        """
        with self._speaking() as client:
            self._experiment(client)
            self._ensure_model(client)

    def record(self, bundle: Bundle, run: RunRecord) -> str:
        """Note a run with its bundle, register the bundle as a new version, and return the version's number.

        Raises:
            RegistryUnavailable: The registry does not answer; what was begun there is marked as failed.
        """
        with self._speaking() as client:
            started = client.create_run(self._experiment(client), run_name=run.name, tags=dict(run.tags))
            run_id = started.info.run_id
            try:
                self._log(client, run_id, bundle, run)
                self._ensure_model(client)
                version = client.create_model_version(
                    self._model,
                    source=f"{started.info.artifact_uri}/{BUNDLE}",
                    run_id=run_id,
                    tags=_tags(bundle, run.objections),
                )
            except BaseException:
                client.set_terminated(run_id, "FAILED")
                raise
            client.set_terminated(run_id, "FINISHED")
        return str(version.version)

    def version_of(self, bundle: Bundle) -> str | None:
        """Return the number of the newest version that is a bundle; None if it was never registered.

        Raises:
            ModelConflict: Only other bundles were registered with its label: two trainers share one registered model.
        """
        label = bundle.manifest.label
        with self._speaking() as client:
            found = client.search_model_versions(f"name = '{self._model}' and tags.{_LABEL} = '{label}'")
        same = [version for version in found if version.tags.get(_DIGEST) in (None, bundle_digest(bundle))]
        if found and not same:
            raise ModelConflict(f"version {found[0].version} of {self._model} is another bundle with the label {label}")
        return max((str(version.version) for version in same), key=int, default=None)

    def labels(self) -> set[str]:
        """Return the labels of all registered versions."""
        with self._speaking() as client:
            found = client.search_model_versions(f"name = '{self._model}'", max_results=_MOST_VERSIONS)
        return {str(version.tags[_LABEL]) for version in found if _LABEL in version.tags}

    def label_of(self, version: str) -> str:
        """Return the model's label that a version's number stands for.

        A version that a person registered has no tag; what it is stands in its manifest.

        Raises:
            ModelNotFound: There is no such version, or it is not one of ours.
            RegistryUnavailable: The registry does not answer.
        """
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        with self._speaking() as client:
            try:
                found = client.get_model_version(self._model, version)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                raise ModelNotFound(f"version {version[:20]} of {self._model} is no model of ours") from error
            if _LABEL in found.tags:
                return str(found.tags[_LABEL])
            if not found.run_id or not client.list_artifacts(found.run_id, BUNDLE):
                raise ModelNotFound(f"version {version[:20]} of {self._model} is no model of ours: it has no bundle")
        try:
            with TemporaryDirectory() as folder:
                return manifest_of(self._download(version, f"{BUNDLE}/{MANIFEST}", folder).parent).label
        except BundleRefused as error:
            raise ModelNotFound(f"version {version[:20]} of {self._model} is no model of ours: {error}") from error

    def point(self, alias: str, version: str) -> None:
        """Make an alias name a version, unless it does; a challenger that becomes champion is no longer challenger."""
        with self._speaking() as client:
            aliases = self._aliases(client)
            if aliases.get(alias) != version:
                client.set_registered_model_alias(self._model, alias, version)
            if alias != CHALLENGER and aliases.get(CHALLENGER) == version:
                client.delete_registered_model_alias(self._model, CHALLENGER)

    def clear(self, alias: str) -> None:
        """Make an alias name no version."""
        with self._speaking() as client:
            if alias in self._aliases(client):
                client.delete_registered_model_alias(self._model, alias)

    def aliases(self) -> dict[str, str]:
        """Return the aliases with the numbers of their versions."""
        with self._speaking() as client:
            return self._aliases(client)

    @contextmanager
    def fetched(self, version: str) -> Iterator[Path]:
        """Hand out a folder with the files of a version's bundle, until the end of the block."""
        with TemporaryDirectory() as folder:
            yield self._download(version, BUNDLE, folder)

    def _download(self, version: str, what: str, folder: str) -> Path:
        with self._speaking() as client:
            return Path(client.download_artifacts(client.get_model_version(self._model, version).run_id, what, folder))

    def close_interrupted(self) -> None:
        """Mark runs that seem to go on as killed: whoever holds the lease knows that they do not."""
        with self._speaking() as client:
            for run in client.search_runs([self._experiment(client)], "attributes.status = 'RUNNING'"):
                client.set_terminated(run.info.run_id, "KILLED")

    def _log(self, client: "MlflowClient", run_id: str, bundle: Bundle, run: RunRecord) -> None:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

        parameters = {**run.parameters, **{f"sha256_{name}": digest for name, digest in run.data.items()}}
        now = client.get_run(run_id).info.start_time
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in run.figures.items()],
            params=[Param(name, str(value)[:500]) for name, value in list(parameters.items())[:100]],
            tags=[RunTag(_OBJECTIONS, "\n".join(run.objections)[:_MOST_IN_TAG])],
        )
        client.log_dict(run_id, dict(run.data), "data_sha256.json")
        client.log_dict(run_id, list(run.objections), "objections.json")
        for name in (*bundle.manifest.files, MANIFEST):
            client.log_artifact(run_id, str(bundle.folder / name), BUNDLE)
        if run.report and run.report.is_dir():
            client.log_artifacts(run_id, str(run.report), REPORT)

    def _experiment(self, client: "MlflowClient") -> str:
        known = client.get_experiment_by_name(EXPERIMENT)
        if known:
            return str(known.experiment_id)
        local = self._uri.startswith("sqlite:")
        return str(client.create_experiment(EXPERIMENT, str(self._artifacts.absolute()) if local else None))

    def _ensure_model(self, client: "MlflowClient") -> None:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            client.create_registered_model(self._model, description="Classifier of delivery failures (Rebound).")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _aliases(self, client: "MlflowClient") -> dict[str, str]:
        return {alias: str(version) for alias, version in client.get_registered_model(self._model).aliases.items()}

    @contextmanager
    def _speaking(self) -> "Iterator[MlflowClient]":
        """Hand out the client, quietly, and turn what it raises when nobody answers into our one error."""
        for name, value in _MANNERS.items():
            os.environ.setdefault(name, value)
        with warnings.catch_warnings():
            # mlflow warns of its own use of SQLAlchemy and of its own defaults; none of that is ours to act on.
            warnings.simplefilter("ignore")
            from mlflow.exceptions import MlflowException  # noqa: PLC0415
            from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

            try:
                yield self._connected()
            except (MlflowException, OSError, SQLAlchemyError) as error:
                where = self._uri.partition("://")[0]
                raise RegistryUnavailable(
                    f"the model registry ({where}) does not do its part: {_line(error)}"
                ) from error

    def _connected(self) -> "MlflowClient":
        if self._client is None:
            from mlflow import MlflowClient  # noqa: PLC0415

            if self._uri.startswith("sqlite:///"):
                Path(self._uri.removeprefix("sqlite:///")).absolute().parent.mkdir(parents=True, exist_ok=True)
            self._client = MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
        return self._client


def registry_of(settings: Settings) -> Registry:
    """Return the registry that the settings name, else the one in the data folder."""
    folder = settings.data_dir.absolute()
    uri = settings.mlflow_tracking_uri or f"sqlite:///{folder / 'mlflow.db'}"
    return Registry(uri, settings.registered_model, folder / "mlartifacts")


def bundle_digest(bundle: Bundle) -> str:
    """Return the SHA-256 of a bundle's manifest, which names all its files."""
    return sha256_of(bundle.folder / MANIFEST)


def _tags(bundle: Bundle, objections: Sequence[str]) -> dict[str, str]:
    digest = bundle_digest(bundle)
    return {_LABEL: bundle.manifest.label, _DIGEST: digest, _OBJECTIONS: "\n".join(objections)[:_MOST_IN_TAG]}


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
