"""Print, for a shell to evaluate, where the running local stack is and its demo API key."""

from __future__ import annotations

import shlex
import sys

from picstore_local.datadir import running_stack
from picstore_local.settings import LocalSettings

stack = running_stack(LocalSettings().data_dir)
if stack is None or "gateway" not in stack.urls:
    sys.exit("no stack runs here; start one by `make run`")

variables = {
    "PICSTORE_URL": stack.urls["gateway"],
    "PICSTORE_API_KEY": stack.secrets["demo_api_key"],
    "PICSTORE_TARGETS__CATALOG": stack.urls["catalog"],
    "PICSTORE_TARGETS__UPLOAD": stack.urls["upload"],
}
for name, value in variables.items():
    print(f"export {name}={shlex.quote(value)}")
