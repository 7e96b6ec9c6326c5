"""Answers that anybody can post, made to cost us time, memory or files."""

import base64
import copy
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from apps.identity_providers.models import IdentityProvider, SamlKey
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.identity_providers.saml_server import DSIG, NAMES, SamlProvider, element, posted
from tests.identity_providers.saml_support import bring, post, said
from tests.identity_providers.support import browser, led_to
from tests.identity_providers.test_saml_attacks import encrypted, refused

pytestmark = pytest.mark.django_db
XENC = "http://www.w3.org/2001/04/xmlenc#"
DSIG11 = "http://www.w3.org/2009/xmldsig11#"
IN = {"xenc": XENC, "ds": DSIG}
# Opens the file for writing, which waits until somebody else opens it for reading.
WAITS = "import sys; open(sys.argv[1], 'w').close()"


@contextmanager
def unopened(pipe: Path) -> Iterator[None]:
    """Nobody opens this file meanwhile; who did would wait, and is let go."""
    os.mkfifo(pipe)
    writer = subprocess.Popen([sys.executable, "-c", WAITS, str(pipe)])
    try:
        yield
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(0.5)
    finally:
        writer.kill()
        writer.wait()


def cipher_elsewhere(root: Any, place: str, *, of: str) -> None:
    value = root.find(f".//xenc:{of}/xenc:CipherData/xenc:CipherValue", IN)
    value.getparent().replace(value, element(f'<CipherReference xmlns="{XENC}" URI="{place}"/>'))


def text_elsewhere(root: Any, place: str) -> None:
    cipher_elsewhere(root, place, of="EncryptedData")


def key_elsewhere(root: Any, place: str) -> None:
    cipher_elsewhere(root, place, of="EncryptedKey")


def in_key_info(root: Any, text: str) -> None:
    info = root.find(".//xenc:EncryptedData/ds:KeyInfo", IN)
    for child in list(info):
        info.remove(child)
    info.append(element(text))


def key_retrieved(root: Any, place: str) -> None:
    kind = f"{XENC}EncryptedKey"
    in_key_info(root, f'<RetrievalMethod xmlns="{DSIG}" Type="{kind}" URI="{place}"/>')


def key_info_elsewhere(root: Any, place: str) -> None:
    in_key_info(root, f'<KeyInfoReference xmlns="{DSIG11}" URI="{place}"/>')


@pytest.mark.parametrize(
    "bend",
    [text_elsewhere, key_elsewhere, key_retrieved, key_info_elsewhere],
    ids=lambda bend: bend.__name__,
)
def test_an_encrypted_answer_opens_no_file(
    cast: Cast,
    idp: SamlProvider,
    saml_provider: IdentityProvider,
    tmp_path: Path,
    bend: Callable[[Any, str], None],
) -> None:
    """It is decrypted before any signature can be looked at: whoever posts it decides."""
    with campus_scope(cast.campus):
        certificate = SamlKey.objects.get().certificate
    client, pipe = browser(cast.host), tmp_path / "pipe"
    answer = encrypted(idp, led_to(client, saml_provider), certificate)
    root = element(base64.b64decode(answer).decode())
    bend(root, str(pipe))
    with unopened(pipe):
        assert refused(bring(client, posted(etree.tostring(root))))


@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "encrypted"])
def test_a_signature_over_a_file_opens_none(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider, tmp_path: Path, hidden: bool
) -> None:
    """Beside the answer itself. Everybody can encrypt to us: what was hidden is looked at too."""
    client, pipe = browser(cast.host), tmp_path / "pipe"
    location = led_to(client, saml_provider)

    def and_a_file(root: Any) -> Any:
        reference = root.find(".//ds:Reference", IN)
        second = copy.deepcopy(reference)
        second.set("URI", str(pipe))
        reference.addnext(second)
        return root

    if hidden:
        with campus_scope(cast.campus):
            certificate = SamlKey.objects.get().certificate
        answer = encrypted(idp, location, certificate, bend=and_a_file)
    else:
        answer = idp.answer_to(location, bend=and_a_file, **said("STUD"))
    with unopened(pipe):
        assert refused(bring(client, answer))


def test_a_small_answer_does_not_take_long_to_make_canonical(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    """Whoever posts it decides what is in it, before its signature is known to be wrong."""
    client = browser(cast.host)

    def with_namespaces(root: Any) -> Any:
        names = " ".join(f'xmlns:n{number}="urn:x:{number}"' for number in range(1000))
        root.find(".//saml:AttributeValue", NAMES).append(
            element(f"<x {names}>{'<y/>' * 2000}</x>")
        )
        for transform in root.findall(".//ds:Transform", NAMES)[1:]:
            transform.set("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
        return root

    answer = idp.answer_to(led_to(client, saml_provider), bend=with_namespaces, **said("STUD"))
    assert len(answer) < 60_000
    began = time.monotonic()
    assert post(client, answer).status_code == 400
    assert time.monotonic() - began < 5  # 40 s when it was made canonical


def test_odd_moments_are_refused_and_in_no_log(
    cast: Cast,
    idp: SamlProvider,
    saml_provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By anybody, before a signature is looked at; the library's exceptions quote them."""
    for odd in ("99999-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-01-01T24:00:00Z"):
        for name in ("Conditions", "SubjectConfirmationData"):

            def bend(root: Any, *, odd: str = odd, name: str = name) -> Any:
                root.find(f".//saml:{name}", NAMES).set("NotOnOrAfter", odd)
                return root

            client = browser(cast.host)
            answer = idp.answer_to(led_to(client, saml_provider), bend=bend, **said("STUD"))
            assert refused(bring(client, answer)), (name, odd)
            assert odd not in caplog.text
