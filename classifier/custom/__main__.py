"""The learning process: `python -m classifier.custom BUNDLE FOLDER` (see `learn.py`)."""

import os
import sys

from classifier.custom.learn import main

os.nice(10)  # answers come first: learning gets the cores that they leave
sys.exit(main(*sys.argv[1:]))
