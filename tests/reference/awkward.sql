-- What cannot be taken over, each for a reason of its own.
INSERT INTO users (id, email, password_hash, created_at) VALUES
    ('00000000-0000-4000-8000-00000000000d', 'ALICE@example.com', NULL, '2025-01-04T10:00:00Z');
INSERT INTO agents (id, user_id, name, trading_mode, created_at, updated_at) VALUES
    ('00000000-0000-4000-8000-0000000000a5', '00000000-0000-4000-8000-00000000000d', 'Of the other alice', 'simulation',
     '2025-01-09T00:00:00Z', '2025-01-09T00:00:00Z');
INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, created_at, updated_at) VALUES
    ('sim_2PaperOfTheOtherA1ice', '00000000-0000-4000-8000-0000000000a5', 'simulation', '2025-01-09T00:00:00Z',
     '2025-01-09T00:00:00Z'),
    ('sim_2ButCa11edLive', '00000000-0000-4000-8000-0000000000a3', 'live', '2025-01-09T00:00:00Z', '2025-01-09T00:00:00Z');
INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix, scopes, created_at) VALUES
    ('00000000-0000-4000-8000-0000000000c3', '00000000-0000-4000-8000-00000000000a', 'damaged', 'PLAIN', 'nex_PLAI', '{signals}',
     '2025-02-03T00:00:00Z');
INSERT INTO agent_balances (id, agent_id, wallet_address, token_address, token_symbol, balance, last_updated) VALUES
    ('00000000-0000-4000-8000-000000000b11', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     '4Mz4Y6iXdBdAbPMv874YWPgH2oy6QKARovMt2pNurh6e', 'NEG', '-3.5', '2025-02-13T00:00:02Z'),
    ('00000000-0000-4000-8000-000000000b12', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     '7nLFtY5yiR4CZnkB6bYMth3bbAns9DnFhtgjHGqcCiRn', 'NAN', 'NaN', '2025-02-13T00:00:02Z'),
    ('00000000-0000-4000-8000-000000000b13', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     'FMUEmtxhU46GzhKF4FW9MLJdQWiLgjiXP9TYRWSrqTpV', 'BBB', '5.00001', '2025-02-13T00:00:02Z');
-- A position without a balance.
INSERT INTO agent_transactions (id, agent_id, wallet_address, transaction_type, transaction_value_usd, transaction_time,
    input_mint, output_mint, input_symbol, output_symbol, input_amount, input_price, output_amount, output_price, created_at,
    updated_at, swap_payload) VALUES
    ('00000000-0000-4000-8000-000000000f11', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin', 'SWAP',
     1, '2025-02-15T00:00:00Z', 'So11111111111111111111111111111111111111112', '4MfyR4G3NWfVRDWo6iNAHDBZqWMgwZX6FNtMqEW3a9JT',
     'SOL', 'DDD', 0.1, 1, 10, 0.01, '2025-02-15T00:00:00Z', '2025-02-15T00:00:00Z',
     '{"inAmount": "100000000", "outAmount": "10000000"}'),
    ('00000000-0000-4000-8000-000000000f12', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin', 'SWAP',
     'NaN', '2025-02-15T00:00:01Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2025-02-15T00:00:00Z',
     '2025-02-15T00:00:00Z', NULL);
INSERT INTO agent_positions (id, agent_id, wallet_address, token_address, token_symbol, purchase_transaction_id, purchase_price,
    purchase_amount, created_at, updated_at) VALUES
    ('00000000-0000-4000-8000-000000000d11', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     '4MfyR4G3NWfVRDWo6iNAHDBZqWMgwZX6FNtMqEW3a9JT', 'DDD', '00000000-0000-4000-8000-000000000f11', 0.01, 10,
     '2025-02-15T00:00:00Z', '2025-02-15T00:00:00Z');
INSERT INTO signal_executions (id, signal_id, agent_id, status, executed_at) VALUES
    ('00000000-0000-4000-8000-000000000a11', 12, '00000000-0000-4000-8000-0000000000a1', 'PERHAPS', '2025-02-11T00:00:03Z');
