"""What a flow may say and what it then does, from the outside: real files, real runs, read back."""
