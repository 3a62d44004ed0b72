"""What we remember: templates, counts, decisions, labels, pins, models and jobs, in SQLite or PostgreSQL."""
