"""The page PACS and the dialog that sends results back."""
