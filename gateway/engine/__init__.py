"""The moving parts, the life of a transaction: `accept`, `dispatch`, `report`, `check`, `apply`, `notify`."""
