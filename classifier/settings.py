"""Every knob, and the only reader of the environment.

Each setting has its unit in its name, a default that works on a laptop, and a checked range; docs/settings.md lists
them all, and a test keeps that list whole. Only entry points construct `Settings`; everything below gets plain values.
"""

from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from classifier.domain import ParseLimits

Port = Annotated[int, Ge(0), Le(65_535)]


class Settings(BaseSettings):
    """Settings of serving; environment variables with the prefix REBOUND_."""

    model_config = SettingsConfigDict(env_prefix="REBOUND_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("var"), description="Folder of all state.")
    database_url: SecretStr | None = Field(
        None, description="Database of the store: sqlite:///PATH or postgresql://...; rebound.db in data_dir if unset."
    )
    flush_seconds: Annotated[float, Ge(0.1), Le(3_600)] = Field(
        5, description="Seconds between two writes of what was counted; what a kill may lose."
    )
    labels_per_hour: Annotated[int, Ge(1)] = Field(1_000, description="Most labels that one key may give in an hour.")
    pin_days: Annotated[int | None, Ge(1), Le(3_650)] = Field(
        None, description="Days that a pin holds at most; unset: until a model has learned it or somebody removes it."
    )
    keep_days: Annotated[int, Ge(31), Le(36_500)] = Field(400, description="Days that daily counts are kept.")
    bundle_dir: Path | None = Field(
        None,
        description="Model bundle to serve, whatever the registry says; unset: the champion, else the shipped one.",
    )
    mlflow_tracking_uri: str | None = Field(
        None, repr=False, description="MLflow's tracking server or store; serving follows its aliases if http(s)."
    )
    registered_model: str = Field("rebound", min_length=1, description="Name of the model in the MLflow registry.")
    registry_seconds: Annotated[float, Ge(1)] = Field(30, description="Seconds between looks at the tracking server.")
    retrain_labels: Annotated[int, Ge(1)] = Field(
        50, description="Newly labelled templates that ask for a run of `rebound-train run --if-needed`."
    )
    auto_promote: bool = Field(
        False, description="Whether `rebound-train run` promotes a model to which the gate does not object."
    )
    kept_models: Annotated[int, Ge(1)] = Field(
        20,
        description="Newest models that stay on the shelf after a run; MLflow keeps all.",
    )
    model_threads: Annotated[int, Ge(1), Le(64)] = Field(1, description="Cores that one inference may use.")
    cache_templates: Annotated[int, Ge(1)] = Field(10_000, description="Templates whose answers are kept in memory.")
    max_body_bytes: Annotated[int, Ge(1_024)] = Field(
        10_485_760, description="Largest request body or email, in octets."
    )
    max_batch_items: Annotated[int, Ge(1)] = Field(10_000, description="Most records in one JSON array.")
    max_parts: Annotated[int, Ge(1)] = Field(200, description="Most MIME parts of an email.")
    max_depth: Annotated[int, Ge(1), Le(100)] = Field(20, description="Deepest MIME nesting of an email.")
    max_headers: Annotated[int, Ge(1)] = Field(1_000, description="Most header fields of an email.")
    host: str = Field("127.0.0.1", description="Address that `rebound serve` listens on.")
    port: Port = Field(8025, description="Port that `rebound serve` listens on; 0 lets the system choose.")
    workers: Annotated[int, Ge(1), Le(256)] = Field(1, description="Worker processes of `rebound serve`.")
    api_keys: str | None = Field(
        None,
        repr=False,
        pattern=r"^\s*([^\s=,]+=([a-z][a-z0-9_-]{1,47}|\*)\s*(,\s*|$))+$",
        description="KEY=TAXONOMY pairs, comma-separated; KEY=* may use all of them. Unset: open to everybody.",
    )
    log_level: str = Field("info", pattern="^(?i:debug|info|warning|error)$", description="Least level of log lines.")

    @property
    def store_url(self) -> str:
        """The store's database, with its password: for `open_store`, never for a log."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'rebound.db'}"

    @property
    def tracking_server(self) -> str | None:
        """The tracking server whose aliases decide what is served; None where this machine's shelf decides."""
        uri = self.mlflow_tracking_uri or ""
        return uri if uri.startswith(("http://", "https://")) else None

    @property
    def parse_limits(self) -> ParseLimits:
        """The bounds on one email."""
        return ParseLimits(
            max_bytes=self.max_body_bytes,
            max_parts=self.max_parts,
            max_depth=self.max_depth,
            max_headers=self.max_headers,
        )
