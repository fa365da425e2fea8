"""config.md, Mounts: idmap, uidMappings and gidMappings of a mount."""

from __future__ import annotations

from pathlib import Path

import pytest

from .bundle import Bundle
from .container import Container


@pytest.fixture(autouse=True)
def _supported(container: Container) -> None:
    if not container.runtime.admits("linux", "mountExtensions", "idmap", "enabled"):
        pytest.skip(f"{container.runtime.name} does not list idmap among its features")


def source(bundle: Bundle) -> Path:
    directory = bundle.aside("source")
    (directory / "file").write_text("hello")
    return directory


def test_owners_are_mapped(container: Container, bundle: Bundle) -> None:
    """'idmap: Indicates that the mount MUST have an idmapping applied.'; 'If uidMappings or gidMappings are specified
    for the mount, the runtime MUST use those values for the mount's mapping.'"""
    mapping = [{"containerID": 0, "hostID": 1000, "size": 10}]
    bundle.bind(source(bundle), "/data", "bind", "idmap", uidMappings=mapping, gidMappings=mapping)
    assert container.output("stat -c %u:%g /data/file") == "1000:1000"


def test_in_a_user_namespace_the_mapping_of_the_container_gives_root(container: Container, bundle: Bundle) -> None:
    """'idmap ... the runtime MUST use those values for the mount's mapping'"""
    bundle.user_namespace(host_id=100000)
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle.bind(source(bundle), "/data", "bind", "idmap", uidMappings=mapping, gidMappings=mapping)
    assert container.output("stat -c %u:%g /data/file") == "0:0"


def test_without_any_mapping_it_is_an_error(container: Container, bundle: Bundle) -> None:
    """'If there are no uidMappings and gidMappings specified and the container isn't using user namespaces, an error
    MUST be returned.'"""
    bundle.bind(source(bundle), "/data", "bind", "idmap")
    container.fails("create")


def test_one_half_of_a_mapping_is_an_error(container: Container, bundle: Bundle) -> None:
    """'If specified, it MUST be specified along with gidMappings.'"""
    mapping = [{"containerID": 0, "hostID": 1000, "size": 10}]
    bundle.bind(source(bundle), "/data", "bind", "idmap", uidMappings=mapping)
    container.fails("create")


def test_the_source_s_owners_stay(container: Container, bundle: Bundle) -> None:
    """'The mapping to convert UIDs from the source file system to the destination mount point.'"""
    mapping = [{"containerID": 0, "hostID": 1000, "size": 10}]
    directory = source(bundle)
    bundle.bind(directory, "/data", "bind", "idmap", uidMappings=mapping, gidMappings=mapping)
    container.launch()
    assert (directory / "file").stat().st_uid == 0
