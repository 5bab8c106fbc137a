"""Use cases that trade: buy, sell, sell a part, average down."""
