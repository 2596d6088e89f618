"""The page in a real browser, before servers that are processes of their own."""
