"""Clients of AWS: where they find their region."""

from __future__ import annotations

import pytest

from reviewlens import aws
from reviewlens.errors import ConfigurationError


@pytest.fixture(autouse=True)
def no_other_settings(monkeypatch, tmp_path):
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_is_read_as_ecs_gives_it_and_as_boto3_reads_it(monkeypatch, name):
    monkeypatch.setenv(name, "eu-west-3")
    assert aws.client("cognito-idp").meta.region_name == "eu-west-3"


def test_without_a_region_it_is_said_what_is_missing():
    with pytest.raises(ConfigurationError) as missing:
        aws.client("cognito-idp")
    assert missing.value.code == "aws-misconfigured"
