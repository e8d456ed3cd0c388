"""What a comparison says: its numbers, its verdict, its text; also across venues and leverages."""
