"""Election and detection of the leading master in ZooKeeper."""
