"""What wallets hold."""
