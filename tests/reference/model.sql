-- As it is pushed from its model: one kind of transaction less, hashes of keys as text, no table of migrations.
CREATE TYPE "TransactionType" AS ENUM ('DEPOSIT', 'SWAP', 'BURN');
\i schema.sql
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
    name varchar(100) NOT NULL,
    key_hash text NOT NULL,
    key_prefix varchar(12) NOT NULL,
    scopes text[] DEFAULT ARRAY[]::text[],
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX api_keys_key_hash_key ON api_keys (key_hash);
