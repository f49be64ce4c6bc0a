"""Tables of measured figures, in the terminal and in a Markdown document."""
