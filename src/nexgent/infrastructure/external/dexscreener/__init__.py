"""DexScreener: token prices."""
