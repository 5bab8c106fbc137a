"""What live trades would have brought on paper, beside what they brought."""
