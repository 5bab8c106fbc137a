"""What stops agents from buying."""
