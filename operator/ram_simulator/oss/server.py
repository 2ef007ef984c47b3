"""OSS's REST protocol: path style, header signatures, XML."""

from aiohttp import web

from ram_simulator.simulator import Simulator


class Oss:
    """Answers OSS's requests."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle(self, http: web.BaseRequest) -> web.Response:
        """Answer one HTTP request."""
        return web.Response(status=501)
