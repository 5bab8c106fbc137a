-- As its migrations leave it: a kind of transaction that its model does not know, indexes of the database alone, and the table in
-- which migrations are noted.
CREATE TYPE "TransactionType" AS ENUM ('DEPOSIT', 'WITHDRAWAL', 'SWAP', 'BURN');
\i schema.sql
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
    name varchar(100) NOT NULL,
    key_hash varchar(255) NOT NULL,
    key_prefix varchar(12) NOT NULL,
    scopes text[] DEFAULT ARRAY[]::text[],
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX api_keys_key_hash_key ON api_keys (key_hash);
CREATE INDEX api_keys_key_hash_idx ON api_keys (key_hash);
CREATE INDEX agents_automated_trading_simulation_idx ON agents (automated_trading_simulation);
CREATE INDEX agents_automated_trading_live_idx ON agents (automated_trading_live);
CREATE TABLE _prisma_migrations (
    id varchar(36) PRIMARY KEY,
    checksum varchar(64) NOT NULL,
    finished_at timestamptz,
    migration_name varchar(255) NOT NULL,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
);
INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('1', 'x', '20260101000000_add_signal_user');
