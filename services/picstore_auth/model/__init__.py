"""What auth knows and decides, a module per noun. No I/O."""
