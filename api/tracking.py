"""MLflow's tracking server over plain HTTP: which version an alias names, and the files of its bundle.

Serving has no mlflow, which would be many times as large as all the rest; the three requests that it needs are made here.
"""

import json
import shutil
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from classifier.errors import RegistryUnavailable
from classifier.settings import Settings

_ALIAS, _ARTIFACTS = "/api/2.0/mlflow/registered-models/alias", "/api/2.0/mlflow-artifacts/artifacts"
_PROXIED = "mlflow-artifacts"
_TIMEOUT_SECONDS = 20
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """One version of a registered model.

    Attributes:
        number: MLflow's own, "1", "2"...
        source: Where its files are, as it was registered.
        tags: What was noted with it.
    """

    number: str
    source: str
    tags: Mapping[str, str]


def tracking_server(settings: Settings) -> "TrackingServer | None":
    """Return the tracking server of the settings; None if they name none that is asked over HTTP."""
    url = settings.tracking_server
    return TrackingServer(url) if url else None


class TrackingServer:
    """Asks one tracking server.

    Args:
        url: Its address, `http(s)://[USER:PASSWORD@]HOST[:PORT][/PATH]`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._base = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")
        self._headers = {}
        if parts.username is not None:
            given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers = {"Authorization": f"Basic {b64encode(given.encode()).decode()}"}

    def aliased(self, model: str, alias: str) -> Registered | None:
        """Return the version that an alias names; None if the model or the alias does not exist.

        Raises:
            RegistryUnavailable: The server cannot be reached, or answers what no tracking server answers.
        """
        try:
            with self._open(f"{_ALIAS}?{urlencode({'name': model, 'alias': alias})}") as response:
                found = json.load(response)["model_version"]
            tags = {tag["key"]: tag.get("value", "") for tag in found.get("tags", ())}
            return Registered(number=str(found["version"]), source=str(found["source"]), tags=tags)
        except urllib.error.HTTPError as error:
            if _nothing_there(error):
                return None
            raise self._unavailable(f"HTTP status {error.code}") from error
        except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unavailable(type(error).__name__) from error

    def fetch(self, source: str, name: str, folder: Path) -> None:
        """Fetch one file of a version into a folder.

        Raises:
            RegistryUnavailable: The server cannot be reached, has no such file, or does not hand files out itself.
        """
        place = urlsplit(source)
        if place.scheme != _PROXIED:
            raise RegistryUnavailable(
                f"the model's files are at {place.scheme or 'a path'}, not at the tracking server: start it with --serve-artifacts"
            )
        path = quote(f"{place.path.strip('/')}/{name}")
        try:
            with self._open(f"{_ARTIFACTS}/{path}") as response, (folder / name).open("wb") as file:
                told = response.headers.get("Content-Length")
                if told is not None and int(told) > _MOST_BYTES:
                    raise ValueError("larger than any bundle's file")
                shutil.copyfileobj(response, file, 1 << 20)
                if told is not None and file.tell() != int(told):
                    raise ValueError("broken off")
        except urllib.error.HTTPError as error:
            raise self._unavailable(f"HTTP status {error.code} for {name}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise self._unavailable(f"{name}: {type(error).__name__}") from error

    def _open(self, path: str) -> HTTPResponse:
        request = urllib.request.Request(self._base + path, headers=self._headers)  # noqa: S310, http(s) only, see tracking_server
        response: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310
        return response

    def _unavailable(self, reason: str) -> RegistryUnavailable:
        # The address without user and password, which `_base` does not hold.
        return RegistryUnavailable(f"the tracking server {self._base} does not answer as it should: {reason}")


def _nothing_there(error: urllib.error.HTTPError) -> bool:
    """Whether this is how MLflow says that there is no such model (404) or alias (400), and no proxy's page."""
    try:
        document: Any = json.loads(error.read(10_000))
        code, words = str(document["error_code"]), str(document["message"]).lower()
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return False
    return code == "RESOURCE_DOES_NOT_EXIST" or (
        code == "INVALID_PARAMETER_VALUE" and "alias" in words and "not found" in words
    )
