"""The book: figures, derivations, tables, and what builds them."""
