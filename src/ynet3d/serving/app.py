"""The web application: routes, page, errors as sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib import resources
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from ynet3d import __version__
from ynet3d.errors import YnetError
from ynet3d.labels import RESEARCH_USE
from ynet3d.serving import monai_label, monai_label_store, routes
from ynet3d.serving.access import Access
from ynet3d.serving.bodies import SmallBodies
from ynet3d.serving.context import Context
from ynet3d.serving.folders import JobFolders
from ynet3d.serving.jobs import JobStore
from ynet3d.serving.problems import answer_problems, problems_everywhere
from ynet3d.serving.settings import ServerSettings
from ynet3d.serving.supervisor import Supervisor
from ynet3d.serving.tries import Tries
from ynet3d.serving.viewer import viewer_module

STATIC = Path(str(resources.files("ynet3d.serving") / "static"))


def create_app(settings: ServerSettings, *, viewer: Path | None = None) -> FastAPI:
    """The server as an ASGI application, which starts its workers with itself.

    Args:
        viewer: the file of NiiVue, by default the one that `fetch_viewer` fetched.

    Raises:
        InputError: the settings are not safe, or the data folder cannot be used.
    """
    settings = settings.checked()
    folders = JobFolders(settings.data)
    module = viewer or viewer_module()
    tries = Tries()

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(folders.locked())
                store = JobStore(folders.queue)
                stack.callback(store.close)
                supervisor = Supervisor(settings, store, folders)
                app.state.context = Context(settings, folders, store, supervisor, tries)
                supervisor.start()
            except YnetError as error:
                app.state.refusal = error  # for `serve`: uvicorn knows only that it failed
                raise
            stack.callback(supervisor.stop)
            yield

    app = FastAPI(
        title="3DYNet server",
        version=__version__,
        summary="Finds the liver and its tumours in CT scans.",
        description=f"{RESEARCH_USE} Masks: 0 background, 1 liver, 2 tumour.",
        lifespan=running,
        responses=problems_everywhere(),
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.refusal = None
    app.include_router(routes.router)
    app.include_router(routes.metrics_router)
    app.include_router(monai_label.router)
    app.include_router(monai_label_store.router)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> FileResponse:
        return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")

    @app.get("/viewer/niivue.js", include_in_schema=False)
    def niivue() -> FileResponse:
        if module is None:
            raise HTTPException(404, "Fetch the viewer with `ynet3d serve --fetch-viewer`.")
        return FileResponse(module, media_type="text/javascript")

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    answer_problems(app)
    app.add_middleware(SmallBodies)
    app.add_middleware(Access, settings=settings, tries=tries)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.allowed_origins),
            allow_methods=["*"],
            allow_headers=["authorization", "content-type"],
        )
    return app
