-- What happened in an installation of the reference. Awkward on purpose: see `awkward.sql` for what cannot be taken over at all.
-- Passwords: alice "Old-Password-1!", carol "pässwörter sind lang 2". Alice's API key: nex_0123456789abcdef0123456789abcdef.
INSERT INTO users (id, email, password_hash, created_at, failed_login_attempts, locked_until) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'alice@example.com',
     '$2b$10$mjJJuID8oYfABQs9MsrMHu46yq19Ty4wX2yS5sSEqhDgeqhLBfFI.', '2025-01-01T10:00:00.123456Z', 7, '2099-01-01T00:00:00Z'),
    ('00000000-0000-4000-8000-00000000000b', 'bob@example.com', NULL, '2025-01-02T10:00:00Z', 0, NULL),
    ('00000000-0000-4000-8000-00000000000c', 'Carol@Example.com',
     '$2a$10$9iSrYDi42eSvbA4nsvcxC...oWP.GqW9NQU8nyVcf5xtqL2OzcJvC', '2025-01-03T10:00:00Z', 0, NULL);

INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix, scopes, created_at) VALUES
    ('00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-00000000000a', 'bot',
     'd9c6a5cd8c72122d523680858e1e5a586da429d822d4e475a8c348d8d7b969a3', 'nex_0123', '{signals,positions,from_the_future}',
     '2025-02-01T00:00:00Z'),
    ('00000000-0000-4000-8000-0000000000c2', '00000000-0000-4000-8000-00000000000a', 'no scopes',
     'a9c6a5cd8c72122d523680858e1e5a586da429d822d4e475a8c348d8d7b969a3', 'nex_abcd', NULL, '2025-02-02T00:00:00Z');

-- Two agents of one name; settings that nobody knows; one without a configuration; one whose configuration is not valid.
INSERT INTO agents (id, user_id, name, trading_mode, trading_config, created_at, updated_at, automated_trading_simulation,
                    automated_trading_live) VALUES
    ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-00000000000a', 'Twin', 'simulation',
     '{"purchaseLimits": {"maxPurchasePerToken": 1.5}, "stopLoss": {"defaultPercentage": -20}, "moods": {"grumpy": true}}',
     '2025-01-05T00:00:00Z', '2025-03-05T00:00:00Z', true, false),
    ('00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-00000000000a', 'Twin', 'live', NULL,
     '2025-01-06T00:00:00Z', '2025-03-06T00:00:00Z', true, true),
    ('00000000-0000-4000-8000-0000000000a3', '00000000-0000-4000-8000-00000000000b', 'Broken', 'simulation',
     '{"stopLoss": {"defaultPercentage": "a lot"}}', '2025-01-07T00:00:00Z', '2025-03-07T00:00:00Z', true, true),
    ('00000000-0000-4000-8000-0000000000a4', '00000000-0000-4000-8000-00000000000c', 'Without wallets', 'simulation', 'null',
     '2025-01-08T00:00:00Z', '2025-03-08T00:00:00Z', false, false);

INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, created_at, updated_at) VALUES
    ('sim_2PaperWa11etOfTheFirstTwin', '00000000-0000-4000-8000-0000000000a1', 'simulation', '2025-01-05T00:00:01Z',
     '2025-01-05T00:00:01Z'),
    -- The same letters in another case.
    ('sim_2paperWa11etOfTheFirstTwin', '00000000-0000-4000-8000-0000000000a2', 'simulation', '2025-01-06T00:00:01Z',
     '2025-01-06T00:00:01Z'),
    ('GmaDrppBC7P5ARKV8g3djiwP89vz1jLK23V2GBjuAEGB', '00000000-0000-4000-8000-0000000000a2', 'live',
     '2025-01-06T00:00:02Z', '2025-01-06T00:00:02Z'),
    ('sim_2PaperOfTheBrokenOne', '00000000-0000-4000-8000-0000000000a3', 'simulation', '2025-01-07T00:00:01Z',
     '2025-01-07T00:00:01Z');

INSERT INTO trading_signals (id, created_at, updated_at, token_address, symbol, signal_type, activation_reason,
                             signal_strength, source, user_id) VALUES
    (11, '2025-02-10T00:00:00Z', '2025-02-10T00:00:00Z', '3BuW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG', 'AAA', 'VOLUME',
     'it rises', 4, 'test', '00000000-0000-4000-8000-00000000000a'),
    (12, '2025-02-11T00:00:00Z', '2025-02-11T00:00:00Z', '6TcyBfPdBt1kjsvDZLzmBFnuMaLWiTaAt4RjUr9VA5YD', NULL, 'VOLUME',
     NULL, 5, NULL, NULL),
    (40, '2025-02-12T00:00:00Z', '2025-02-12T00:00:00Z', '3buW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG', 'aAA', 'NEWS',
     'line' || chr(10) || 'break', 1, 'test', '00000000-0000-4000-8000-00000000000a');
SELECT setval('trading_signals_id_seq', 40);

INSERT INTO agent_transactions (id, agent_id, wallet_address, transaction_type, transaction_value_usd, transaction_time,
    destination_address, signal_id, fees, routes, input_mint, output_mint, input_symbol, output_symbol, input_amount, input_price,
    output_amount, output_price, slippage, price_impact, is_dca, transaction_hash, created_at, updated_at, swap_payload,
    is_take_profit, protocol_fee_sol, network_fee_sol) VALUES
    ('00000000-0000-4000-8000-000000000f01', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     'DEPOSIT', 0, '2025-02-01T00:00:00Z', 'sim_2PaperWa11etOfTheFirstTwin', NULL, NULL, NULL,
     'So11111111111111111111111111111111111111112', NULL, 'SOL', NULL, 10, 150, NULL, NULL, NULL, NULL, false, NULL,
     '2025-02-01T00:00:00.5Z', '2025-02-01T00:00:00.5Z', NULL, false, NULL, NULL),
    -- 6 decimals, told by what was quoted.
    ('00000000-0000-4000-8000-000000000f02', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     'SWAP', 75.12345678, '2025-02-10T00:00:01Z', NULL, 11, 0.00000001, '[{"percent": 100, "swapInfo": {"label": "Pool \u00e9"}}]',
     'So11111111111111111111111111111111111111112', '3BuW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG', 'SOL', 'AAA', 0.5, 1,
     2000.25, 0.000249968753905761, 0.5000, -0.0123, false, NULL, '2025-02-10T00:00:02Z', '2025-02-10T00:00:03Z',
     '{"inAmount": "500000000", "outAmount": "2000250000", "big": 123456789012345678901234567890}', false, 0.0005, 0.000005),
    ('00000000-0000-4000-8000-000000000f03', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     'SWAP', 60, '2025-02-13T00:00:01Z', NULL, 11, 0, NULL, '3BuW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG',
     'So11111111111111111111111111111111111111112', 'AAA', 'SOL', 999.75, 0.0004, 0.3999, 1, 0.5, 0.01, false, NULL,
     '2025-02-13T00:00:02Z', '2025-02-13T00:00:02Z', NULL, true, NULL, 0.000005),
    -- 9 decimals, a token whose address differs in the case of one letter.
    ('00000000-0000-4000-8000-000000000f04', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     'SWAP', 1, '2025-02-14T00:00:01Z', NULL, 40, 0, NULL, '3buW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG',
     'So11111111111111111111111111111111111111112', 'aAA', 'SOL', 123456789012.123456789, 0.000000000000000001, 0.1, 1, NULL, NULL,
     false, NULL, '2025-02-14T00:00:02Z', '2025-02-14T00:00:02Z',
     '{"inAmount": "123456789012123456789", "outAmount": "100000000"}', false, NULL, NULL),
    ('00000000-0000-4000-8000-000000000f05', '00000000-0000-4000-8000-0000000000a2',
     'GmaDrppBC7P5ARKV8g3djiwP89vz1jLK23V2GBjuAEGB', 'SWAP', 20, '2025-02-11T00:00:01Z', NULL, 12, 0, NULL,
     'So11111111111111111111111111111111111111112', '6TcyBfPdBt1kjsvDZLzmBFnuMaLWiTaAt4RjUr9VA5YD', 'SOL', 'CCC', 0.2, 1, 80,
     0.0025, 0, 0, false, 'SignatureOfTheLiveSwap1', '2025-02-11T00:00:02Z', '2025-02-11T00:00:02Z',
     '{"orderResponse": {"inAmount": "200000000", "outAmount": "80500000000"},
       "executeResponse": {"outputAmountResult": "80000000000"}}', false, 0, 0.002),
    -- Booked twice, as can happen there.
    ('00000000-0000-4000-8000-000000000f06', '00000000-0000-4000-8000-0000000000a2',
     'GmaDrppBC7P5ARKV8g3djiwP89vz1jLK23V2GBjuAEGB', 'SWAP', 20, '2025-02-11T00:00:01Z', NULL, 12, 0, NULL,
     'So11111111111111111111111111111111111111112', '6TcyBfPdBt1kjsvDZLzmBFnuMaLWiTaAt4RjUr9VA5YD', 'SOL', 'CCC', 0.2, 1, 80,
     0.0025, 0, 0, true, 'SignatureOfTheLiveSwap1', '2025-02-11T00:00:09Z', '2025-02-11T00:00:09Z', '"a text"', false, 0, 0.002),
    -- Of an agent whose wallets were deleted.
    ('00000000-0000-4000-8000-000000000f07', '00000000-0000-4000-8000-0000000000a4', NULL, 'BURN', 0, '2025-02-02T00:00:00Z',
     NULL, NULL, NULL, NULL, 'FMUEmtxhU46GzhKF4FW9MLJdQWiLgjiXP9TYRWSrqTpV', NULL, 'BBB', NULL, 0.000000000000000001, 0, NULL,
     NULL, NULL, NULL, false, NULL, '2025-02-02T00:00:01Z', '2025-02-02T00:00:01Z', NULL, false, NULL, NULL);

INSERT INTO agent_historical_swaps (id, agent_id, wallet_address, token_address, token_symbol, amount, purchase_price, sale_price,
    change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time, purchase_transaction_id, sale_transaction_id,
    signal_id, created_at, close_reason) VALUES
    ('00000000-0000-4000-8000-000000000e01', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     '3buW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG', 'aAA', 123456789012.123456789012345678, 0.000000000000000001,
     0.000000000000000002, 100.0000, 10.12345678, 0.12345678, '2025-02-12T00:00:00Z', '2025-02-14T00:00:01Z', NULL,
     '00000000-0000-4000-8000-000000000f04', 40, '2025-02-14T00:00:03Z', 'take_profit'),
    ('00000000-0000-4000-8000-000000000e02', '00000000-0000-4000-8000-0000000000a4', NULL,
     'FMUEmtxhU46GzhKF4FW9MLJdQWiLgjiXP9TYRWSrqTpV', 'BBB', 1, 1, 0, -100, -0.00000001, -999.12345678,
     '2025-02-01T00:00:00Z', '2025-02-02T00:00:00Z', NULL, '00000000-0000-4000-8000-000000000f07', NULL,
     '2025-02-02T00:00:02Z', NULL);

INSERT INTO agent_balances (id, agent_id, wallet_address, token_address, token_symbol, balance, last_updated) VALUES
    ('00000000-0000-4000-8000-000000000b01', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     'So11111111111111111111111111111111111111112', 'SOL', '9.99989', '2025-02-14T00:00:02Z'),
    ('00000000-0000-4000-8000-000000000b02', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     '3BuW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG', 'AAA', '1000.5', '2025-02-13T00:00:02Z'),
    ('00000000-0000-4000-8000-000000000b03', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     '3buW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG', 'aAA', '1e-9', '2025-02-14T00:00:02Z'),
    -- Sold long ago; nobody has to know its decimals.
    ('00000000-0000-4000-8000-000000000b04', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     '32kSi9P4AoNDrV7B2GVa6iGaXADP539vT5tpixnfrRej', 'OLD', '0', '2025-02-13T00:00:02Z'),
    -- Went through a floating-point number.
    ('00000000-0000-4000-8000-000000000b05', '00000000-0000-4000-8000-0000000000a2', 'sim_2paperWa11etOfTheFirstTwin',
     'So11111111111111111111111111111111111111112', 'SOL', '0.30000000000000004', '2025-02-13T00:00:02Z'),
    ('00000000-0000-4000-8000-000000000b06', '00000000-0000-4000-8000-0000000000a2',
     'GmaDrppBC7P5ARKV8g3djiwP89vz1jLK23V2GBjuAEGB', 'So11111111111111111111111111111111111111112', 'SOL', '1.5',
     '2025-02-13T00:00:02Z'),
    ('00000000-0000-4000-8000-000000000b07', '00000000-0000-4000-8000-0000000000a2',
     'GmaDrppBC7P5ARKV8g3djiwP89vz1jLK23V2GBjuAEGB', '6TcyBfPdBt1kjsvDZLzmBFnuMaLWiTaAt4RjUr9VA5YD', 'CCC', '77.000000001',
     '2025-02-13T00:00:02Z');

INSERT INTO agent_positions (id, agent_id, wallet_address, token_address, token_symbol, purchase_transaction_id, purchase_price,
    purchase_amount, current_stop_loss_percentage, peak_price, last_stop_loss_update, created_at, updated_at, dca_count,
    dca_transaction_ids, last_dca_time, lowest_price, total_invested_sol, remaining_amount, take_profit_levels_hit,
    take_profit_transaction_ids, last_take_profit_time, moon_bag_activated, moon_bag_amount, realized_profit_sol,
    tp_batch_start_level, total_take_profit_levels) VALUES
    -- Half of it was sold.
    ('00000000-0000-4000-8000-000000000d01', '00000000-0000-4000-8000-0000000000a1', 'sim_2PaperWa11etOfTheFirstTwin',
     '3BuW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG', 'AAA', '00000000-0000-4000-8000-000000000f02', 0.000249968753905761, 2000.25,
     12.34, 0.0005, '2025-02-13T00:00:03Z', '2025-02-10T00:00:02Z', '2025-02-13T00:00:03Z', 0, NULL, NULL, 0.0002,
     0.505005, 1000.5, 1, '{00000000-0000-4000-8000-000000000f03,nonsense}', '2025-02-13T00:00:02Z', true, 200.025, 0.12345678,
     0, 4),
    -- A little more than the wallet holds, and no stop yet.
    ('00000000-0000-4000-8000-000000000d02', '00000000-0000-4000-8000-0000000000a2',
     'GmaDrppBC7P5ARKV8g3djiwP89vz1jLK23V2GBjuAEGB', '6TcyBfPdBt1kjsvDZLzmBFnuMaLWiTaAt4RjUr9VA5YD', 'CCC',
     '00000000-0000-4000-8000-000000000f05', 0.0025, 80, NULL, NULL, NULL, '2025-02-11T00:00:02Z', '2025-02-11T00:00:02Z', 1,
     '{00000000-0000-4000-8000-000000000f06}', '2025-02-11T00:00:09Z', 0, 0.4, NULL, 0, '{}', NULL, false, NULL, 0, 0, NULL);

INSERT INTO signal_executions (id, signal_id, agent_id, status, transaction_id, error, executed_at) VALUES
    ('00000000-0000-4000-8000-000000000a01', 11, '00000000-0000-4000-8000-0000000000a1', 'EXECUTED',
     '00000000-0000-4000-8000-000000000f02', NULL, '2025-02-10T00:00:03Z'),
    ('00000000-0000-4000-8000-000000000a02', 11, '00000000-0000-4000-8000-0000000000a2', 'PENDING', NULL, NULL,
     '2025-02-10T00:00:03Z'),
    ('00000000-0000-4000-8000-000000000a03', 40, '00000000-0000-4000-8000-0000000000a2', 'FAILED', NULL, 'Insufficient balance',
     '2025-02-12T00:00:03Z');

INSERT INTO agent_balance_snapshots (id, agent_id, snapshot_timestamp, portfolio_balance_sol, sol_balance, positions_value_sol,
    unrealized_pnl_sol, created_at, updated_at, wallet_address) VALUES
    ('00000000-0000-4000-8000-000000000701', '00000000-0000-4000-8000-0000000000a1', '2025-02-10T00:00:00Z', 10, 10, 0, 0,
     '2025-02-10T00:00:01Z', '2025-02-10T00:00:01Z', 'sim_2PaperWa11etOfTheFirstTwin'),
    ('00000000-0000-4000-8000-000000000702', '00000000-0000-4000-8000-0000000000a1', '2025-02-10T01:00:00Z', 9.87654321, 9.5,
     0.37654321, -0.12345678, '2025-02-10T01:00:01Z', '2025-02-10T01:00:01Z', 'sim_2PaperWa11etOfTheFirstTwin');
