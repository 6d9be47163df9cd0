"""finitegpt play and export: the page, served here or as one file."""

import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from finitegpt.cli.shared import Flag, app
from finitegpt.errors import FileError, InputError
from finitegpt.files import new_file
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
    from finitegpt.page import page

    if not 0 <= port < 65536:
        raise InputError(f"expected a port from 0 to 65535, got {port}; try 8000")
    content = page(Run.load(run) if run else None).encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.partition("?")[0] == "/"
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content) if known else 0))
            self.end_headers()
            if known:
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
def export(run: Path, page_file: Path, /) -> None:
    """Write the page as one file that opens with a run and works without a network: to mail to a class.

    Parameters
    ----------
    run
        The folder of a run.
    page_file
        A new file ending in .html.
    """
    from finitegpt.page import page

    if page_file.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"expected a file ending in .html, got {str(page_file)!r}; try page.html")
    if page_file.exists():
        raise FileError(f"expected a new file, got {str(page_file)!r} which exists; try another name")
    content = page(Run.load(run))
    with new_file(page_file) as partial:
        partial.write_text(content, encoding="utf-8")
    print(f"wrote {page_file}")
