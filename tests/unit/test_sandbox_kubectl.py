"""kubectl and Helm as the sandbox runs them: one that hangs is ended, and told of like one that fails."""

import os
from pathlib import Path

import pytest

from ram_sandbox.errors import SandboxError
from ram_sandbox.kubectl import Helm, Kubectl


@pytest.mark.parametrize("tool", [Kubectl, Helm])
def test_a_program_that_hangs_is_an_error_that_names_its_command(tool: type[Kubectl | Helm], tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    hangs.write_text("#!/bin/sh\nexec sleep 600\n")
    hangs.chmod(0o755)
    with pytest.raises(SandboxError, match=r"^hangs get nodes did not end within 0\.1 s$"):
        tool(hangs, tmp_path / "kubeconfig", tmp_path, os.environ, 0.1).ok("get", "nodes")
