"""Job tables on the emulator; the `aws` fixture must have pointed this process at it."""

from __future__ import annotations

import os
import secrets
from functools import cache
from typing import Any

from reviewlens import aws
from reviewlens.jobs.dynamodb import DynamoJobTable, create_table


@cache
def _client(endpoint: str) -> Any:
    return aws.client("dynamodb")


def new_table() -> DynamoJobTable:
    """An empty table."""
    client = _client(os.environ["AWS_ENDPOINT_URL"])
    name = f"jobs-{secrets.token_hex(6)}"
    create_table(client, name)
    return DynamoJobTable(name, client)


def another(table: DynamoJobTable) -> DynamoJobTable:
    """The same table as another backend has it: with a client of its own."""
    return DynamoJobTable(table.name, aws.client("dynamodb"))
