"""The limits of connections, against a real server and real sockets."""
