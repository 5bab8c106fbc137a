"""The queue: a notifier that wakes the worker, and the worker's jobs. The journal is the truth; a lost ring loses time only."""
