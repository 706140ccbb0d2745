"""What is shipped: a CycloneDX bill of materials, and the licence of each part, read from the wheels themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5
from zipfile import ZipFile

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from release.wheels import name_and_version


def metadata(wheel: Path) -> Message:
    """Return what a wheel says of itself."""
    with ZipFile(wheel) as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode("utf-8", "replace"))


def licence(wheel: Path) -> str:
    """Return a part's licence in its own words, on one line; empty where it states none."""
    known = metadata(wheel)
    if expression := known.get("License-Expression"):
        return str(expression)
    classified = [
        str(value).rpartition(" :: ")[2]
        for value in known.get_all("Classifier") or []
        if str(value).startswith("License ::") and not str(value).endswith(":: OSI Approved")
    ]
    stated = " ".join(str(known.get("License") or "").split())
    return "; ".join(classified) or (stated if len(stated) < 80 else stated[:77] + "…")


def bill(version: str, own: Path, wheels: Sequence[Path], moment: int) -> str:
    """Return the bill of materials as CycloneDX JSON; the same wheels give the same text."""
    root = Component(name="ungcuu", version=version, type=ComponentType.APPLICATION, bom_ref="ungcuu")
    root.hashes.add(_hash(own))
    parts: dict[tuple[str, str], Component] = {}
    for wheel in wheels:
        name, found = name_and_version(wheel)
        if (name, found) not in parts:
            purl = PackageURL("pypi", None, name, found)
            part = Component(
                name=name, version=found, type=ComponentType.LIBRARY, purl=purl, bom_ref=f"{name}=={found}"
            )
            if text := licence(wheel):
                part.licenses.add(DisjunctiveLicense(name=text))
            parts[name, found] = part
        parts[name, found].hashes.add(_hash(wheel))
        parts[name, found].properties.add(Property(name="ungcuu:wheel", value=wheel.name))
    bom = Bom(components=parts.values(), serial_number=uuid5(NAMESPACE_URL, f"ungcuu {version} {_hash(own).content}"))
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(moment, UTC)
    bom.register_dependency(root, parts.values())
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def licences(own: Path, wheels: Sequence[Path]) -> str:
    """Return a table of what is shipped and under which licence, as each part states it."""
    rows = {}
    for wheel in [own, *wheels]:
        name, version = name_and_version(wheel)
        rows[name, version] = licence(wheel) or "(states none: see the package)"
    return "".join(f"{name} {version}: {text}\n" for (name, version), text in sorted(rows.items()))


def sha256(path: Path) -> str:
    """Return a file's hash, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(path: Path) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=sha256(path))
