"""The notebook on DuckDB. `Notebook.open` is the way in; nothing else here is meant for other packages."""

from labbook.store.notebook import Notebook
from labbook.store.values import Given, Revision, Sizes, SourceWrite, StoredRun, StoredSource, Table

__all__ = ["Given", "Notebook", "Revision", "Sizes", "SourceWrite", "StoredRun", "StoredSource", "Table"]
