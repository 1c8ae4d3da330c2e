"""A PACS: its studies, series and images, and what it takes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydicom.datadict import tag_for_keyword

from ynet3d.errors import InputError
from ynet3d.pacs.connection import Connection
from ynet3d.pacs.refusals import (
    NO_SUCH_SERVICE,
    NOT_FOUND,
    HttpRefusalError,
    NotDicomwebError,
    explained,
    not_dicomweb,
)
from ynet3d.progress import Progress

if TYPE_CHECKING:
    import pydicom

#: One object in DICOM's JSON model: {"00080060": {"vr": "CS", "Value": ["CT"]}, ...}.
Json = dict[str, Any]
#: FailedSOPSequence, in an answer to a store.
FAILED_SOPS = b"00081198"
_PAGE = 200
_CHUNK_BYTES = 10**6
#: Larger than any object: then a store states its length, which more servers take than chunks.
_IN_ONE = 2**40
#: As stored: nothing is lost, and less is sent than uncompressed.
_AS_STORED = (("application/dicom", "*"),)
# Else its warnings, with UIDs in them, reach the terminal through Python's handler of last resort.
logging.getLogger("dicomweb_client").addHandler(logging.NullHandler())


class Pacs:
    """A DICOMweb service through dicomweb-client; every failure is one sentence.

    Args:
        connection: as `Connection.checked` gives it.
    """

    def __init__(self, connection: Connection, progress: Progress) -> None:
        from dicomweb_client.web import DICOMwebClient

        from ynet3d.pacs.session import PacsSession

        self.connection, self.progress = connection, progress
        if connection.tells_secrets:
            host = urlsplit(connection.url).hostname
            progress.say(f"Note: the login goes to {host} unencrypted; use https:// if it has it.")
        session = PacsSession(connection, progress)
        # UIDs that break a rule are in many archives; ours are checked where they come in.
        self._client = DICOMwebClient(
            connection.url, session=session, permissive_uid=True, chunk_size=_CHUNK_BYTES
        )
        self._client.set_http_retry_params(retry=False)  # the session does, and says so

    def studies(self, filters: Mapping[str, str], *, limit: int) -> list[Json]:
        """The first `limit` studies that match, in the server's order; one more if there is."""
        with self._explained("the search for studies"):
            return self._paged(
                lambda **page: self._client.search_for_studies(
                    search_filters=dict(filters), fields=["StudyDescription"], **page
                ),
                "StudyInstanceUID",
                limit=limit + 1,
            )

    def series(self, study: str) -> list[Json]:
        """All series of a study.

        Raises:
            InputError: there is no such study.
        """
        found: list[Json] = []
        with self._explained("the search for series"):
            try:
                found = self._paged(
                    lambda **page: self._client.search_for_series(
                        study, fields=["SeriesDescription"], **page
                    ),
                    "SeriesInstanceUID",
                )
            except HttpRefusalError as refusal:
                if refusal.status != NOT_FOUND:
                    raise
                # Where that works, the UID is wrong, and else the address.
                _objects(self._client.search_for_studies(limit=1))
        if not found:
            raise InputError(
                f"{self.connection.url} holds no study {study}: check the UID (`ynet3d dicomweb "
                "list` shows those with CT), and whether this login may see it."
            )
        return found

    def first_image(self, study: str, series: str, fields: Sequence[str]) -> Json:
        """Some elements of one image of a series, as far as the server tells them."""
        with self._explained("the search for images"):
            found = self._client.search_for_instances(study, series, limit=1, fields=list(fields))
            return found[0] if found and isinstance(found[0], dict) else {}

    def metadata(self, study: str, series: str) -> list[Json]:
        """All elements of all images of a series but the large ones."""
        with self._explained("the retrieval of metadata"):
            return _objects(self._client.retrieve_series_metadata(study, series))

    def iter_series(self, study: str, series: str) -> Iterator[pydicom.Dataset]:
        """The images of a series as they come in; what breaks the stream is raised as it is."""
        with self._explained("the retrieval of images", streamed=True):
            try:
                yield from self._client.iter_series(study, series, media_types=_AS_STORED)
            except HttpRefusalError as refusal:
                if refusal.status not in (400, 406):
                    raise
                yield from self._client.iter_series(study, series)  # knows no "as stored"

    def instance(self, study: str, series: str, instance: str) -> pydicom.Dataset:
        """One image."""
        with self._explained("the retrieval of images"):
            try:
                return self._client.retrieve_instance(
                    study, series, instance, media_types=_AS_STORED
                )
            except HttpRefusalError as refusal:
                if refusal.status not in (400, 406):
                    raise
                return self._client.retrieve_instance(study, series, instance)

    def store(self, data: pydicom.Dataset) -> pydicom.Dataset:
        """Store one object; what the server answers about it.

        Raises:
            HttpRefusalError: refused with a content that may say why.
            InputError: the server takes nothing.
        """
        self._client.set_chunk_size(_IN_ONE)
        try:
            with self._explained("storing objects (STOW-RS)"):
                return self._client.store_instances([data])
        finally:
            self._client.set_chunk_size(_CHUNK_BYTES)

    def _paged(self, search: Any, uid: str, *, limit: int | None = None) -> list[Json]:
        """Everything that a search finds, page by page, each once.

        Servers send fewer than they are asked for, and some know no pages and send the same again.
        """
        found: dict[str, Json] = {}
        offset = 0
        while limit is None or len(found) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            page = _objects(search(limit=size, offset=offset))
            new = {value(item, uid): item for item in page if value(item, uid) not in found}
            if not new:
                break
            found |= new
            offset += len(page)
        return list(found.values())[:limit]

    @contextmanager
    def _explained(self, doing: str, *, streamed: bool = False) -> Iterator[None]:
        """Turn refusals, and answers that are not DICOMweb, into sentences."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                yield
        except HttpRefusalError as refusal:
            if FAILED_SOPS in refusal.content and refusal.status not in NO_SUCH_SERVICE:
                raise  # the caller reads why
            raise explained(refusal, self.connection, doing) from None
        except NotDicomwebError as error:
            raise not_dicomweb(error, self.connection, doing) from None
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            if streamed:
                raise
            # dicomweb-client raises these over what it cannot parse
            raise not_dicomweb(error, self.connection, doing) from None


def value(item: Json, keyword: str) -> str:
    """The first value of an element in DICOM's JSON, as text; "" where there is none."""
    return values(item, keyword)[0] if values(item, keyword) else ""


def values(item: Json, keyword: str) -> list[str]:
    """All values of an element in DICOM's JSON, as text."""
    element = item.get(f"{tag_for_keyword(keyword):08X}")
    found = element.get("Value") if isinstance(element, dict) else None
    return [str(one) for one in found or [] if one is not None]


def _objects(answer: Any) -> list[Json]:
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise NotDicomwebError("JSON that is not DICOM's")
    return answer
