"""What a market is made of: frames and arrays in, one time axis, every bar checked."""
