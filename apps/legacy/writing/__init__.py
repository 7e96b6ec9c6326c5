"""What all five old systems share: handing rows to the import types, and writing registers."""
