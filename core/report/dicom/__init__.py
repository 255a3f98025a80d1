"""A case as DICOM for a PACS: five objects that refer to the film's own instance."""
