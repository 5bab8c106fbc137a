"""Installing, with a package index of the test's own."""
