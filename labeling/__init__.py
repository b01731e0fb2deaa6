"""Images and their labels: collections, redaction, annotations, formats, consolidation."""
