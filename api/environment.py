"""Settings at the border: a wrong variable is named in a line, not in a traceback."""

import sys

from pydantic import ValidationError

from classifier.settings import Settings


def read_settings() -> Settings:
    """Return the settings of the environment.

    Raises:
        SystemExit: With status 2, after a line on standard error for each variable that is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        for fault in error.errors():
            name = "_".join(map(str, fault["loc"])).upper()
            print(f"rebound: REBOUND_{name}: {fault['msg']}", file=sys.stderr)
        raise SystemExit(2) from error
