"""The product as a user starts it: real processes, real servers, real HTTP."""
