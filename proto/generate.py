"""Generates proto/gen from the contract, or with --check states how the committed stubs differ from it.

Runs in the generator's own environment (requirements/stubs.txt). It refuses to touch anything but
proto/gen, and leaves nothing there that the contract does not produce.
"""

import argparse
import filecmp
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent
GENERATED = PROTO / "gen"
WELL_KNOWN_TYPES = Path(grpc_tools.__file__).parent / "_proto"
PLUGINS = Path(sysconfig.get_path("scripts"))


def contract() -> list[str]:
    """The .proto files, relative to the folder that they import each other from."""
    return sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("incident/**/*.proto"))


def generate(target: Path) -> None:
    """Writes messages, services and their types into a folder that holds nothing else."""
    files = contract()
    if not files:
        sys.exit("error: no .proto file below proto/incident")
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTO}",
            f"--proto_path={WELL_KNOWN_TYPES}",
            f"--plugin=protoc-gen-mypy={PLUGINS / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={PLUGINS / 'protoc-gen-mypy_grpc'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet,readable_stubs:{target}",
            f"--mypy_grpc_out=quiet,readable_stubs:{target}",
            *files,
        ]
    )
    if status:
        sys.exit(status)
    drop_empty_services(target)
    mark_packages(target)


def drop_empty_services(target: Path) -> None:
    """Files without a service get no service module: an empty one would only be noise."""
    for module in target.rglob("*_pb2_grpc.py"):
        if "class " not in module.read_text():
            module.unlink()
            module.with_suffix(".pyi").unlink(missing_ok=True)


def mark_packages(target: Path) -> None:
    """Regular packages, so that the import contracts and the wheel see them."""
    for folder in (path for path in target.rglob("*") if path.is_dir()):
        (folder / "__init__.py").write_text(f'"""Generated from proto/{folder.relative_to(target)}."""\n')
        (folder / "py.typed").touch()


def content(folder: Path) -> set[Path]:
    """The files below a folder, without what running them leaves behind."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path for path in paths if "__pycache__" not in path.parts}


def differences(fresh: Path, committed: Path) -> list[str]:
    """One line per file that is missing, left over, or not what the contract generates."""
    expected, found = content(fresh), content(committed)
    lines = [f"missing: {path}" for path in expected - found]
    lines += [f"left over: {path}" for path in found - expected]
    lines += [
        f"differs: {path}"
        for path in expected & found
        if not filecmp.cmp(fresh / path, committed / path, shallow=False)
    ]
    return sorted(lines)


def check() -> None:
    """Exits with a list if the committed stubs are not those of the contract."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        drift = differences(Path(scratch), GENERATED)
    if drift:
        sys.exit("error: proto/gen does not match the contract; run `make stubs`\n  " + "\n  ".join(drift))
    print(f"proto/gen matches the contract ({len(contract())} files)")


def replace() -> None:
    """Generates first and swaps then: a contract that does not compile leaves the stubs as they were."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(scratch, GENERATED)
    print(f"proto/gen written ({len(content(GENERATED))} files)")


def main() -> None:
    """Generates, or compares with --check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check() if parser.parse_args().check else replace()


if __name__ == "__main__":
    main()
