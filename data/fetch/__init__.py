"""History from venues and archives into a store."""
