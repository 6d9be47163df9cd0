"""Compiles engine/ while the package is built: one shared library for each kind of processor, and engine.wasm.

The compiler is Zig's, from the build requirement `ziglang`, so that a fresh machine needs none of its own.
"""

import platform
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = [
    *["-std=c11", "-O3", "-ffreestanding", "-fno-builtin", "-nostdlib", "-fvisibility=hidden"],
    *["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-Wall", "-Wextra", "-Werror", "-Wno-psabi"],
]
SHARED = ["-shared", *([] if sys.platform == "win32" else ["-fPIC"])]
NOT_IN_THE_PAGE = {"flows.c", "visits.c", "walk.c"}
"""What the page never asks for; engine.wasm is a good part of its size."""
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def targets() -> dict[str, list[str]]:
    """File name -> the flags that make it, for the machine this runs on."""
    machine = platform.machine().lower()
    wasm = [*["-s", "--target=wasm32-freestanding", "-mcpu=generic+simd128", "-Wl,--no-entry", "-Wl,--export-dynamic"]]
    if machine in ("x86_64", "amd64"):
        levels = {"engine-1": "x86_64", "engine-3": "x86_64_v3", "engine-4": "x86_64_v4"}
        native = {name + SUFFIX: [*SHARED, f"-mcpu={cpu}"] for name, cpu in levels.items()}
    else:
        native = {"engine-0" + SUFFIX: SHARED}
    return {**native, "engine.wasm": wasm}


def compile_engine(source: Path, out: Path) -> None:
    """Compiles what is missing or older than its source."""
    inputs = sorted(source.glob("*.c"))
    newest = max(path.stat().st_mtime for path in [*source.glob("*.[ch]"), Path(__file__)])
    out.mkdir(exist_ok=True)
    for name, flags in targets().items():
        path = out / name
        if path.exists() and path.stat().st_mtime > newest:
            continue
        partial = path.with_name("partial-" + name)
        used = [path for path in inputs if not (name == "engine.wasm" and path.name in NOT_IN_THE_PAGE)]
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *flags, *map(str, used), "-o", str(partial)]
        subprocess.run(command, check=True)
        partial.replace(path)


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        compile_engine(root / "engine", root / "src" / "finitegpt" / "_engine")
        for plan in (root / "docs").glob("lesson-plan*.md"):
            build_data["force_include"][str(plan)] = f"finitegpt/page/site/{plan.name}"
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")


if __name__ == "__main__":
    root = Path(__file__).parent
    compile_engine(root / "engine", root / "src" / "finitegpt" / "_engine")
