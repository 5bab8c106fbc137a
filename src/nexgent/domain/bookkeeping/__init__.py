"""What people enter by hand: balances, transactions, closed trades."""
