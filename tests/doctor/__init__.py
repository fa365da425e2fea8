"""What `sampan doctor` says of a host: of trees of files that stand for one, and of this machine."""
