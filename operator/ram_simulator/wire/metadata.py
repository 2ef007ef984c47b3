"""The metadata service on the wire, here under `/instances/<id>/`: plain text without a trailing newline."""

from aiohttp import web

from ram_simulator.cloud.switches import SwitchName
from ram_simulator.metadata.errors import MetadataError, OutOfReach
from ram_simulator.metadata.service import MetadataRequest, MetadataService
from ram_simulator.testing.simulator import Simulator
from ram_simulator.wire.http_text import headers_of

# as 100.100.100.200 answers, by people who have printed it
_XHTML = """<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
         "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>404 - Not Found</title>
 </head>
 <body>
  <h1>404 - Not Found</h1>
 </body>
</html>
"""
_HTML = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
_NOT_FOUND_PAGES = {"xhtml": _XHTML, "html": _HTML}


class Metadata:
    """Answers the requests of all instances."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._service = MetadataService(simulator.note_change)

    async def handle(self, http: web.BaseRequest) -> web.Response:
        """Answer one HTTP request, without a trailing newline: clients use the body as it is."""
        cloud, status = self._simulator.cloud, 200
        try:
            text = self._service.answer(cloud, MetadataRequest(http.method, http.path, headers_of(http)))
        except OutOfReach:
            if http.transport is not None:
                http.transport.abort()
            return web.Response()
        except MetadataError as error:
            status, text = error.status, f"{error.status} - {error}"
            page = _NOT_FOUND_PAGES.get(cloud.switches.text(SwitchName.METADATA_NOT_FOUND_BODY))
            if status == 404 and page:
                return web.Response(text=page, status=status, content_type="text/html")
        # text as it is: a client puts the role name, unstripped, into its next URL
        body = text.encode("utf-8", "surrogateescape")
        return web.Response(body=body, status=status, content_type="text/plain", charset="utf-8")
