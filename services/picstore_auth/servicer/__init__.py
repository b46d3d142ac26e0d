"""Auth's side of its RPCs: message in, use-case, message out."""
