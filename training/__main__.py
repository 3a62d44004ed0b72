"""`python -m training` is `rebound-train`: how a scheduler starts a run in a process of its own."""

from training.cli import main

main()
