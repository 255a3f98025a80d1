"""A PACS by DICOMweb: searched, opened from, and sent back to."""
