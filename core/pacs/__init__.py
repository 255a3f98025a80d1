"""A PACS over DICOMweb: search it, open films from it, send results back."""
