"""A PACS by DICOMweb: searching (QIDO-RS), fetching (WADO-RS), storing (STOW-RS).

The client is dicomweb-client (the extra `pacs`); whoever imports `pacs.client` asks
`require_dicomweb` first. Nothing here predicts.
"""

from ynet3d.pacs.connection import Connection, require_dicomweb
from ynet3d.pacs.login import Login, read_login

__all__ = ["Connection", "Login", "read_login", "require_dicomweb"]
