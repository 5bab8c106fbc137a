"""What is read of the reference, mapped without a database."""
