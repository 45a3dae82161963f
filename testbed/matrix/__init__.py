"""The bundle on every server that it promises to serve: which engines there are, what is proved on each, what differs."""
