"""The store: records in ZooKeeper, the lock of the leading scheduler."""
