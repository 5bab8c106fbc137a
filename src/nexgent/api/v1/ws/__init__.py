"""Getting on the WebSocket."""
