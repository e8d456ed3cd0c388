"""What `engine` and `result` are made of: tables for the kernels, and what is read out of them."""
