"""The methods of the contract, as the stubs describe them."""

import importlib
import pkgutil

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

import incident.ledger.v1 as contract


def methods() -> dict[str, MethodDescriptor]:
    """Every method, by `Service.Method`."""
    found: dict[str, MethodDescriptor] = {}
    for module in pkgutil.iter_modules(contract.__path__):
        file = getattr(importlib.import_module(f"{contract.__name__}.{module.name}"), "DESCRIPTOR", None)
        if isinstance(file, FileDescriptor):
            for service in file.services_by_name.values():
                found |= {f"{service.name}.{method.name}": method for method in service.methods}
    return found
