-- The reference's tables, as its specification (infrastructure.md, section 1) has them. What differs between installations that
-- came into being by its migrations and those that were pushed from its model is in migrations.sql and model.sql.

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email varchar(255) NOT NULL,
    password_hash varchar(255),
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    failed_login_attempts integer NOT NULL DEFAULT 0,
    locked_until timestamptz(6)
);
CREATE UNIQUE INDEX users_email_key ON users (email);

CREATE TABLE agents (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
    name varchar(255) NOT NULL,
    trading_mode varchar(20) NOT NULL DEFAULT 'simulation',
    trading_config jsonb,
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz(6) NOT NULL,
    automated_trading_simulation boolean NOT NULL DEFAULT true,
    automated_trading_live boolean NOT NULL DEFAULT true
);
CREATE INDEX agents_user_id_idx ON agents (user_id);

CREATE TABLE agent_wallets (
    wallet_address varchar(44) PRIMARY KEY,
    agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE ON UPDATE CASCADE,
    wallet_type varchar(20) NOT NULL,
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz(6) NOT NULL
);
CREATE UNIQUE INDEX agent_wallets_agent_id_wallet_type_key ON agent_wallets (agent_id, wallet_type);

CREATE TABLE agent_balances (
    id uuid PRIMARY KEY,
    agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE ON UPDATE CASCADE,
    wallet_address varchar(44) NOT NULL REFERENCES agent_wallets ON DELETE CASCADE ON UPDATE CASCADE,
    token_address varchar(255) NOT NULL,
    token_symbol varchar(20) NOT NULL,
    balance text NOT NULL,
    last_updated timestamptz(6) NOT NULL
);
CREATE UNIQUE INDEX agent_balances_wallet_address_token_address_key ON agent_balances (wallet_address, token_address);

CREATE TABLE agent_balance_snapshots (
    id uuid PRIMARY KEY,
    agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE ON UPDATE CASCADE,
    snapshot_timestamp timestamptz(6) NOT NULL,
    portfolio_balance_sol numeric(20, 8) NOT NULL,
    sol_balance numeric(20, 8) NOT NULL,
    positions_value_sol numeric(20, 8) NOT NULL,
    unrealized_pnl_sol numeric(20, 8) NOT NULL,
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz(6) NOT NULL,
    wallet_address varchar(44) NOT NULL REFERENCES agent_wallets ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX abs_agent_wallet_timestamp_key
    ON agent_balance_snapshots (agent_id, wallet_address, snapshot_timestamp);

CREATE TABLE trading_signals (
    id serial PRIMARY KEY,
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz(6) NOT NULL,
    token_address varchar(255) NOT NULL,
    symbol varchar(50),
    signal_type varchar(50) NOT NULL,
    activation_reason text,
    signal_strength integer NOT NULL,
    source varchar(100),
    user_id uuid REFERENCES users ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE agent_transactions (
    id uuid PRIMARY KEY,
    agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE ON UPDATE CASCADE,
    wallet_address varchar(44) REFERENCES agent_wallets ON DELETE CASCADE ON UPDATE CASCADE,
    transaction_type "TransactionType" NOT NULL,
    transaction_value_usd numeric(20, 8) NOT NULL,
    transaction_time timestamptz(6) NOT NULL,
    destination_address varchar(255),
    signal_id integer REFERENCES trading_signals ON DELETE SET NULL ON UPDATE CASCADE,
    fees numeric(20, 8),
    routes jsonb,
    input_mint varchar(255),
    output_mint varchar(255),
    input_symbol varchar(20),
    output_symbol varchar(20),
    input_amount numeric(30, 18),
    input_price numeric(30, 18),
    output_amount numeric(30, 18),
    output_price numeric(30, 18),
    slippage numeric(10, 4),
    price_impact numeric(10, 4),
    is_dca boolean NOT NULL DEFAULT false,
    transaction_hash varchar(255),
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz(6) NOT NULL,
    swap_payload jsonb,
    is_take_profit boolean NOT NULL DEFAULT false,
    protocol_fee_sol numeric(20, 8),
    network_fee_sol numeric(20, 8)
);

CREATE TABLE signal_executions (
    id uuid PRIMARY KEY,
    signal_id integer NOT NULL REFERENCES trading_signals ON DELETE CASCADE ON UPDATE CASCADE,
    agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE ON UPDATE CASCADE,
    status varchar(20) NOT NULL,
    transaction_id uuid REFERENCES agent_transactions ON DELETE SET NULL ON UPDATE CASCADE,
    error text,
    executed_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX signal_executions_signal_id_agent_id_key ON signal_executions (signal_id, agent_id);

CREATE TABLE agent_historical_swaps (
    id uuid PRIMARY KEY,
    agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE ON UPDATE CASCADE,
    wallet_address varchar(44) REFERENCES agent_wallets ON DELETE CASCADE ON UPDATE CASCADE,
    token_address varchar(255) NOT NULL,
    token_symbol varchar(20) NOT NULL,
    amount numeric(30, 18) NOT NULL,
    purchase_price numeric(30, 18) NOT NULL,
    sale_price numeric(30, 18) NOT NULL,
    change_percent numeric(10, 4) NOT NULL,
    profit_loss_usd numeric(20, 8) NOT NULL,
    profit_loss_sol numeric(20, 8) NOT NULL,
    purchase_time timestamptz(6) NOT NULL,
    sale_time timestamptz(6) NOT NULL,
    purchase_transaction_id uuid REFERENCES agent_transactions ON DELETE SET NULL ON UPDATE CASCADE,
    sale_transaction_id uuid REFERENCES agent_transactions ON DELETE SET NULL ON UPDATE CASCADE,
    signal_id integer REFERENCES trading_signals ON DELETE SET NULL ON UPDATE CASCADE,
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    close_reason varchar(20)
);

CREATE TABLE agent_positions (
    id uuid PRIMARY KEY,
    agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE ON UPDATE CASCADE,
    wallet_address varchar(44) NOT NULL REFERENCES agent_wallets ON DELETE CASCADE ON UPDATE CASCADE,
    token_address varchar(255) NOT NULL,
    token_symbol varchar(20) NOT NULL,
    purchase_transaction_id uuid NOT NULL REFERENCES agent_transactions ON DELETE CASCADE ON UPDATE CASCADE,
    purchase_price numeric(30, 18) NOT NULL,
    purchase_amount numeric(30, 18) NOT NULL,
    current_stop_loss_percentage numeric(5, 2),
    peak_price numeric(30, 18),
    last_stop_loss_update timestamptz(6),
    created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz(6) NOT NULL,
    dca_count integer NOT NULL DEFAULT 0,
    dca_transaction_ids text[] DEFAULT ARRAY[]::text[],
    last_dca_time timestamptz(6),
    lowest_price numeric(30, 18),
    total_invested_sol numeric(20, 8) NOT NULL DEFAULT 0,
    remaining_amount numeric(30, 18),
    take_profit_levels_hit integer NOT NULL DEFAULT 0,
    take_profit_transaction_ids text[] NOT NULL DEFAULT '{}',
    last_take_profit_time timestamptz(6),
    moon_bag_activated boolean NOT NULL DEFAULT false,
    moon_bag_amount numeric(30, 18),
    realized_profit_sol numeric(20, 8) NOT NULL DEFAULT 0,
    tp_batch_start_level integer NOT NULL DEFAULT 0,
    total_take_profit_levels integer
);
CREATE UNIQUE INDEX agent_positions_purchase_transaction_id_key ON agent_positions (purchase_transaction_id);
CREATE UNIQUE INDEX agent_positions_agent_id_wallet_address_token_address_key
    ON agent_positions (agent_id, wallet_address, token_address);
