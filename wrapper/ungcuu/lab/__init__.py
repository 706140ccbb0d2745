"""Disposable systemd hosts in podman containers: the lab that drills, Molecule and the tests share.

1. Nothing is pulled: the base image is built from Debian's packages, the website is installed into a second image once.
2. Each host has its own address, its own host key (pinned before the first connection) and the lab's login key.
3. Each lab has a slot; two slots share nothing but images, so labs run side by side.
"""

from ungcuu.lab.hosts import Lab, LabHost
from ungcuu.lab.podman import LabError

__all__ = ["Lab", "LabError", "LabHost"]
