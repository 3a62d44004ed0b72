"""The revisions, each a step of the schema that is never changed once released."""
