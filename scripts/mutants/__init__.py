"""Change the code on purpose and see whether the tests notice: a test that no mistake can fail proves nothing."""
