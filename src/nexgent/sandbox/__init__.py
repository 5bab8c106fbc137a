"""A local market: the HTTP, SSE and JSON-RPC contracts of DexScreener, Jupiter, Pyth and a Solana node.

One server process on one port owns a chain truth (accounts, balances, blockhashes that expire, transactions that land,
fail or vanish) and a market (prices that walk or are set, liquidity that gives price impact). Tests, the demo and the
benchmarks point the ordinary base URL settings at it; the product has no second code path for them.

The control API is described in `nexgent.sandbox.control_api`.
"""
