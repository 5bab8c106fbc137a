"""Which data sources are configured."""
