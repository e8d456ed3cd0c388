"""Data of other programs into a store: files, folders and frames."""

from data.imports.importing import Failed, Imported, Wanted, import_frame, import_path

__all__ = ["Failed", "Imported", "Wanted", "import_frame", "import_path"]
