"""Look-ups for many readers: a memory-mapped index of one release, and a read-only HTTP API over it."""
