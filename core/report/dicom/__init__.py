"""What a case gives to a PACS: five DICOM objects that refer to the film's own instance."""
