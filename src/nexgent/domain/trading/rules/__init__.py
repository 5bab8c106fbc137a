"""The rules of trading, each a pure decision: values in, value out."""
