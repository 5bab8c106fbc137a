"""Tables as Alembic knows them, and bringing a database to the present schema."""
