"""Live wallets whose keys are stored encrypted and are in memory only while they are unlocked."""
