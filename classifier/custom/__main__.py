"""The learning process: `python -m classifier.custom BUNDLE FOLDER [gently]` (see `learn.py`)."""

import sys

from classifier.custom.learn import main

sys.exit(main(*sys.argv[1:]))
