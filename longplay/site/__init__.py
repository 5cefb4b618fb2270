"""Static pages of the signals and of the tables' quality, drawn without a server."""
