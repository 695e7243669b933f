"""The object store: a bucket on AWS, a folder on a laptop."""
