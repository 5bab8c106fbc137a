"""What stops an agent from buying, and the switch that stops everybody."""
