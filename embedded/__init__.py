"""PostgreSQL and a Redis-protocol server from Python packages: for development and tests only."""
