"""Getting messages to where they are wanted: signed webhooks for programs, and the library apprise for everything people read."""
