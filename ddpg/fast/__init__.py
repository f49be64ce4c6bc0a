"""Code that makes an update faster and changes no result."""
