"""The image store in S3, asked by our own client: boto3 signs and understands, and sends nothing.

boto3 waits for each part of an answer as long as it is told to wait at all, and reads answers of
any length: a store that drips kept a web server's thread for as long as it liked.
"""

import io
import os
from collections.abc import Callable
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError, HTTPClientError
from storages.backends.s3 import S3Storage
from urllib3 import HTTPResponse
from urllib3.exceptions import TimeoutError as UrllibTimeout

from apps.common.answers import AddressRefused, Limits, NoAnswer
from apps.common.http import HttpClient

# Parts have 8 MB at most (s3transfer), each a request of its own.
LIMITS: Final = Limits(connect=3.0, whole=30.0, silence=10.0, body=32 << 20)
PARALLEL: Final = 10  # parts that boto3 asks for at once
# Where these say how the store is reached, boto3 sends by itself: our client knows neither.
PROXIES: Final = ("http_proxy", "https_proxy")
AUTHORITIES: Final = ("aws_ca_bundle", "requests_ca_bundle")
OUR_OWN: Final = ("expect", "transfer-encoding", "content-length")  # headers; none is signed


class TimedS3Storage(S3Storage):
    """django-storages' backend; each request of it ends, as all of ours do."""

    limits = LIMITS

    @property
    def connection(self) -> Any:
        is_new = getattr(self._connections, "connection", None) is None
        connection = super().connection
        if is_new and self.verify is None and not _boto3_alone(self.endpoint_url or ""):
            connection.meta.client.meta.events.register("before-send.s3", sender(self.limits))
        return connection


def _boto3_alone(address: str) -> bool:
    """Without TLS no authority is asked."""
    named = PROXIES if address.startswith("http://") else PROXIES + AUTHORITIES
    return any(value and name.lower() in named for name, value in os.environ.items())


def sender(limits: Limits) -> Callable[..., AWSResponse]:
    """What boto3 calls in the place of its own client; with connections of its own."""
    # The operator typed the address of the store, which may well be in the own network.
    client = HttpClient(trusted=True, limits=limits, connections=PARALLEL)

    def send(request: Any, **_: Any) -> AWSResponse:
        try:
            answer = client.request(
                request.method, request.url, body=_body_of(request), headers=_headers_of(request)
            )
        except (NoAnswer, AddressRefused) as error:
            raise _as_boto3_says(error, request.url) from error
        raw = HTTPResponse(
            io.BytesIO(answer.body),
            headers=answer.headers,
            status=answer.status,
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,
        )
        return AWSResponse(request.url, answer.status, answer.headers, raw)

    return send


def _as_boto3_says(error: Exception, url: str) -> Exception:
    """What took too long is not tried again: somebody waits for it."""
    if isinstance(error.__cause__, TimeoutError | UrllibTimeout):
        return HTTPClientError(error=error)
    return EndpointConnectionError(endpoint_url=url, error=error)


def _body_of(request: Any) -> bytes | None:
    body = request.body
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else body


def _headers_of(request: Any) -> dict[str, str]:
    return {
        name: value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
        if name.lower() not in OUR_OWN
    }
