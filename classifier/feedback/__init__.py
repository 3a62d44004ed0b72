"""What people say of templates: read, weighed, kept, pinned; docs/feedback.md tells the rules."""
