"""How Rebound learns: texts to a bundle. Needs the extra `train`; serving never imports it."""
