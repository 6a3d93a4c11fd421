"""What turns notebooks and figures into the book."""
