"""finitegpt play and export: the page and its site, served here, as one file or as a folder."""

import threading
import webbrowser
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from finitegpt.cli.shared import Flag, app
from finitegpt.errors import FileError, InputError
from finitegpt.files import folder_path, new_file, new_folder
from finitegpt.run import Run


@app.command
def play(run: Path | None = None, /, *, port: int = 0, no_browser: Flag = False) -> None:
    """Open the page: a GPT you can see whole, trained again at every change. Ctrl-C ends it.

    Parameters
    ----------
    run
        The folder of a run to begin with; by default the notebook's experiment.
    port
        Where to serve it on this machine; by default any port that is free.
    no_browser
        Only print the address.
    """
    from finitegpt.page.site import KINDS, site

    if not 0 <= port < 65536:
        raise InputError(f"expected a port from 0 to 65535, got {port}; try 8000")
    files = {name: cache(make) for name, make in site(Run.load(run) if run else None).items()}
    files["index.html"]()  # what cannot be shown is refused before anything is served

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = unquote(self.path.partition("?")[0]).removeprefix("/") or "index.html"
            known = name in files
            content = files[name if known else "404.html"]()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", KINDS[name.rpartition(".")[2] if known else "html"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Page)
    except OSError as error:
        raise InputError(f"expected a free port, got {port}, {error.strerror}; try another, or none") from None
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    print(f"the page is at {address} until Ctrl-C", flush=True)
    if not no_browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    with server:
        server.serve_forever()


@app.command
def export(
    run: Path | None = None, page_file: Path | None = None, /, *, site: Path | None = None, address: str | None = None
) -> None:
    """Write the page as one file that opens with a run and works without a network, or as a folder for a web server.

    Parameters
    ----------
    run
        The folder of a run; with --site it may be left out, and the page begins with its opening.
    page_file
        A new file ending in .html: to mail to a class.
    site
        A new folder that any static host serves as it is: the page, a gallery, a glossary, a lesson plan.
    address
        Where it will be on the web, https://...: links copied from a file lead there, and cards have pictures.
    """
    if site is not None:
        if page_file is not None:
            raise InputError("expected a page's file or --site, got both; try one after the other")
        return _export_site(run, site, address)
    if run is None or page_file is None:
        raise InputError("expected a run and a new file, or --site, got neither; try finitegpt export RUN page.html")
    from finitegpt.page import page
    from finitegpt.page.site import whole_address

    if page_file.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"expected a file ending in .html, got {str(page_file)!r}; try page.html")
    if page_file.exists():
        raise FileError(f"expected a new file, got {str(page_file)!r} which exists; try another name")
    content = page(Run.load(run), address=whole_address(address) if address is not None else None)
    with new_file(page_file) as partial:
        partial.write_text(content, encoding="utf-8")
    print(f"wrote {page_file}")


def _export_site(run: Path | None, folder: Path, address: str | None) -> None:
    from finitegpt.page.site import site

    files = site(Run.load(run) if run else None, address)
    with new_folder(folder_path(folder)) as partial:
        for name, make in files.items():
            path = partial / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(make())
    print(f"wrote {folder}: {len(files)} files, to be served as they are")
    if address is None:
        print("its links are relative; a card with a picture needs the whole address: try --address https://...")
