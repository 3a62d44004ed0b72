"""The learning process: `python -m classifier.custom BUNDLE FOLDER` (see `learn.py`)."""

import sys

from classifier.custom.learn import main

sys.exit(main(*sys.argv[1:]))
