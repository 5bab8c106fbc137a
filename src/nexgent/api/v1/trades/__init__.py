"""Trading by hand."""
