"""What somebody should look after."""
