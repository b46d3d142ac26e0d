"""Pictures fetched over TLS, from a server whose certificate a test has made."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from picstore_kit.errors import Reason
from picstore_kit.net import download
from tests.integration.upload.imports.workshop import Workshop, state
from tests.integration.upload.pictures import jpeg


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate for 127.0.0.1 that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def secure_http(certificate: Path, redirect: str) -> Iterator[str]:
    """Serve a picture, and at `/away` a redirect, over TLS; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            away = self.path == "/away"
            self.send_response(302 if away else 200)
            self.send_header("Location", redirect)
            self.send_header("Content-Length", "0" if away else str(len(jpeg())))
            self.end_headers()
            if not away:
                self.wfile.write(jpeg())

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that does not trust us is what the test is about."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_a_certificate_that_nobody_has_signed_is_not_trusted(
    shop: Workshop, certificate: Path
) -> None:
    with secure_http(certificate, "/") as url:
        job = await shop.import_url(f"{url}/a.jpg")
        await shop.work_out()
    item = await shop.only(job.id)
    assert (state(item), item.reason) == ("FAILED", Reason.REMOTE_CERTIFICATE_INVALID)


async def test_tls_works_and_is_not_left_for_http(
    shop: Workshop, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ca_certificates", lambda: str(certificate))
    with secure_http(certificate, "http://127.0.0.1:9/a.jpg") as url:
        good = await shop.import_url(f"{url}/a.jpg")
        away = await shop.import_url(f"{url}/away")
        await shop.work_out()
    assert state(await shop.only(good.id)) == "IMPORTED"
    item = await shop.only(away.id)
    assert (state(item), item.reason) == ("FAILED", Reason.REMOTE_REDIRECTS)
    assert "https to http" in item.message
