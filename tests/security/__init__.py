"""Past vulnerabilities of container runtimes, replayed on sampan: README.md."""
