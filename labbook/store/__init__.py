"""The notebook on DuckDB. `Notebook.open` is the way in; nothing else here is meant for other packages."""

from labbook.store.notebook import Notebook
from labbook.store.values import Given, Sizes, SourceWrite, StoredRun, StoredSource, Table

__all__ = ["Given", "Notebook", "Sizes", "SourceWrite", "StoredRun", "StoredSource", "Table"]
