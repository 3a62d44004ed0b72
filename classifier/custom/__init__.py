"""Step 3b: categories that users define, as data: checked, learned in seconds, stored in versions, served beside the rest.

    TOML or JSON -> Draft -> lint -> fit -> store -> catalogue -> head: Encoded -> Prediction over the user's categories

The encoder runs once for a template whatever the number of taxonomies; a head costs microseconds.
Why heads are built as they are: docs/adr/0005-user-categories.md.
"""
