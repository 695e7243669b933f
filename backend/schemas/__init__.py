"""The bodies of requests and responses that are not the library's own models, by resource."""
