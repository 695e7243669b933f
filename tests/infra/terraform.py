"""Terraform for tests: a copy of `infra/` without its remote state, with providers from a mirror or the registry."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INFRA = Path(__file__).resolve().parents[2] / "infra"
# Where the emulator differs from AWS: it has one address for all buckets and no style of log-in pages, forgets the
# prefix list of a rule, and does not return some attributes, so that every later plan would set them again.
_OVERRIDE = """provider "aws" {
  s3_use_path_style = true
}

resource "aws_vpc_security_group_egress_rule" "pipeline_s3" {
  prefix_list_id = null
  cidr_ipv4      = "0.0.0.0/0"
}

resource "aws_cloudformation_stack" "login_style" {
  count = 0
}

resource "aws_vpc_endpoint" "s3" {
  lifecycle {
    ignore_changes = [policy]
  }
}

resource "aws_vpc_endpoint" "interface" {
  lifecycle {
    ignore_changes = [private_dns_enabled, security_group_ids]
  }
}

resource "aws_flow_log" "vpc" {
  lifecycle {
    ignore_changes = [max_aggregation_interval, tags, tags_all]
  }
}

resource "aws_ecs_service" "services" {
  lifecycle {
    ignore_changes = [task_definition, availability_zone_rebalancing]
  }
}
"""


class Unavailable(Exception):
    """Terraform or its provider cannot be had on this machine; the message says which."""


@dataclass(frozen=True)
class Terraform:
    """A working folder of its own; `environment` is that of every command."""

    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str, check: bool = True, seconds: float = 1700) -> subprocess.CompletedProcess[str]:
        """One command; a failed one raises AssertionError with what Terraform said."""
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0 or not check, f"terraform {arguments[0]}:\n{done.stdout[-4000:]}{done.stderr}"
        return done

    def outputs(self) -> dict[str, Any]:
        """All outputs of the root module, by name."""
        found = json.loads(self.run("output", "-json").stdout)
        return {name: each["value"] for name, each in found.items()}

    def resources(self) -> list[str]:
        """Addresses of everything in the state but data sources."""
        return [line for line in self.run("state", "list").stdout.split() if not re.search(r"(^|\.)data\.", line)]


def initialised(folder: Path, environment: dict[str, str] | None = None) -> Terraform:
    """A copy of `infra/` in `folder`, ready for plan and apply. Raises Unavailable."""
    if shutil.which("terraform") is None:
        raise Unavailable("Terraform is not installed on this machine")
    shutil.copytree(INFRA, folder, ignore=shutil.ignore_patterns(".terraform", "backend.tf", "*.tfvars", "*.tfstate*"))
    (folder / "emulator_override.tf").write_text(_OVERRIDE)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    own |= {"TF_IN_AUTOMATION": "1", "TF_CLI_ARGS": "-no-color", "CHECKPOINT_DISABLE": "1"}
    own |= {"AWS_EC2_METADATA_DISABLED": "true"} | (environment or {})
    configuration = os.environ.get("TF_CLI_CONFIG_FILE", "")
    if not (configuration and Path(configuration).exists()):
        configuration = _mirror_configuration(folder)
    if configuration:
        own["TF_CLI_CONFIG_FILE"] = configuration
    made = Terraform(folder, own)
    begun = made.run("init", "-input=false", "-lockfile=readonly", check=False)
    if begun.returncode:
        words = begun.stdout + begun.stderr
        assert "Failed to query available provider packages" in words or "Failed to install provider" in words, words
        raise Unavailable(
            "Terraform's AWS provider can be had neither from a mirror on this machine nor from the registry"
        )
    return made


def _mirror_configuration(folder: Path) -> str:
    """A configuration that names a folder of providers, where one lies in a usual place; else nothing."""
    below = "*/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_v*"
    for place in (Path("/opt"), Path("/usr/local/share"), Path("/usr/share"), INFRA / ".terraform"):
        for provider in place.glob(below):
            file = folder / "mirror.tfrc"
            mirror = provider.parents[5]
            file.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
            return str(file)
    return ""
