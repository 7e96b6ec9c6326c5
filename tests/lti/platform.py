"""A learning platform on loopback, written from the specifications: it signs launches with real
keys, checks who asks for tokens, keeps columns and scores, and lists its members in pages."""

import json
import uuid
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.loopback import LoopbackServer, QuietHandler
from tests.rsa_keys import rsa_key

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/"
DEEP = "https://purl.imsglobal.org/spec/lti-dl/claim/"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
LEARNER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"
INSTRUCTOR = "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"
CLIENT = "campus-tool"
DEPLOYMENT = "1"


class LearningPlatform(LoopbackServer):
    """`scores` are what it took by (column, user); `away` lets every request fail."""

    def __init__(self) -> None:
        self.key, self.key_id = rsa_key("platform"), "first"
        self.keyset_reads = 0
        self.tool_keys: dict[str, Any] = {"keys": []}
        self.tokens: dict[str, set[str]] = {}
        self.assertions: set[str] = set()
        self.columns: dict[str, dict[str, Any]] = {}
        self.scores: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.members: list[dict[str, Any]] = []
        self.unknown: set[str] = set()  # users that it takes no scores for
        self.page = 2
        self.away = 0
        self.permission = "may-register"  # to register, as it gives it with the tool's link
        self.registered: list[dict[str, Any]] = []
        self.answered: dict[str, Any] = {}  # what its answer to a registration says otherwise
        self.message: dict[str, Any] = {}  # what launches of its own pages say otherwise
        self.echoed: Any = None  # the data that a choice brought back
        self.described: dict[str, Any] = {}  # likewise its configuration
        self.problems: list[str] = []
        platform = self

        class Handler(QuietHandler):
            def reply(self, method: str) -> None:
                try:
                    status, content, headers = platform.answer(
                        method, self.path, dict(self.headers.items()), self.body()
                    )
                except Exception as error:
                    platform.problems.append(f"{method} {self.path}: {error!r}")
                    status, content, headers = 400, {"error": str(error)}, {}
                is_page = isinstance(content, str)
                kind = "text/html; charset=utf-8" if is_page else "application/json"
                sent = content.encode() if is_page else json.dumps(content).encode()
                self.send(status, sent, {"Content-Type": kind, **headers})

        super().__init__(Handler)
        self.issuer = self.url

    # --- Launches ----------------------------------------------------------------------------

    def claims(self, fresh: str, /, **changes: Any) -> dict[str, Any]:
        """Of a good launch; a change to None leaves the claim out."""
        at = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "user-1",
            "iat": at,
            "exp": at + 300,
            "nonce": fresh,
            "name": "Stu Dent",
            f"{CLAIM}deployment_id": DEPLOYMENT,
            f"{CLAIM}message_type": "LtiResourceLinkRequest",
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}resource_link": {"id": "link-7"},
            f"{CLAIM}roles": [LEARNER],
            f"{CLAIM}context": {"id": "ctx-1", "title": "Algorithms in Moodle"},
            f"{CLAIM}lis": {"course_section_sourcedid": "CS201-A"},
            f"{AGS}claim/endpoint": {
                "scope": [f"{AGS}scope/lineitem", f"{AGS}scope/score"],
                "lineitems": f"{self.url}/lineitems?type=1",
            },
            f"{NRPS}claim/namesroleservice": {
                "context_memberships_url": f"{self.url}/members",
                "service_versions": ["2.0"],
            },
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        key = header.pop("key", self.key)
        algorithm = header.pop("algorithm", "RS256")
        return jwt.encode(claims, key, algorithm, headers={"kid": self.key_id, **header})

    def _form(self, asked: dict[str, str]) -> str:
        """What a browser with a session here posts to the tool by itself."""
        assert (asked["response_mode"], asked["prompt"]) == ("form_post", "none")
        token = self.sign(self.claims(asked["nonce"], **self.message))
        fields = {"state": asked["state"], "id_token": token}
        inputs = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">'
            for name, value in fields.items()
        )
        there = escape(asked["redirect_uri"])
        return (
            f'<form method="post" action="{there}">{inputs}</form>'
            "<script>document.forms[0].submit()</script>"
        )

    # --- Services ----------------------------------------------------------------------------

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        if self.away:
            return self.away, {"error": "maintenance"}, {}
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        pages = {
            "/course": lambda: f'<iframe src="{escape(query["tool"])}"></iframe>',
            "/tools": lambda: self._tools(query["tool"]),
            "/chosen": lambda: self._linked(parse_qs(body.decode())["JWT"][0]),
            "/auth": lambda: self._form(query),
            "/jwks": self._keyset,
            "/configuration": self._configuration,
        }
        if parts.path in pages:
            return 200, pages[parts.path](), {}
        if parts.path == "/token":
            return self._token(body)
        if parts.path == "/register":
            return self._registration(method, headers, body)
        granted = self.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "), set())
        if parts.path == "/members":
            assert f"{NRPS}scope/contextmembership.readonly" in granted
            return self._members(query)
        if parts.path == "/lineitems":
            assert f"{AGS}scope/lineitem" in granted
            assert query.pop("type") == "1", "the query of the address was lost"
            return self._columns(method, query, headers, body)
        return self._column(method, parts.path, granted, headers, body)

    def _keyset(self) -> dict[str, Any]:
        self.keyset_reads += 1
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": self.key_id, "use": "sig", "alg": "RS256"}]}

    # --- Dynamic registration ----------------------------------------------------------------

    def _configuration(self) -> dict[str, Any]:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "jwks_uri": f"{self.url}/jwks",
            "registration_endpoint": f"{self.url}/register",
            "scopes_supported": ["openid"],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "iss", "name", "email"],
            PLATFORM: {"product_family_code": "moodle", "version": "5.0"},
            **self.described,
        }
        return {name: value for name, value in told.items() if value is not None}

    def _registration(
        self, method: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        assert (method, headers["Content-Type"]) == ("POST", "application/json")
        if headers.get("Authorization") != f"Bearer {self.permission}":
            return 401, {"error": "invalid_token"}, {}
        told = json.loads(body)
        assert told["application_type"] == "web"
        assert told["response_types"] == ["id_token"]
        assert {"implicit", "client_credentials"} <= set(told["grant_types"])
        assert told["token_endpoint_auth_method"] == "private_key_jwt"
        tool = told[TOOL]
        for url in (told["initiate_login_uri"], told["jwks_uri"], *told["redirect_uris"]):
            assert urlsplit(url).hostname == tool["domain"]
        for one in tool["messages"]:
            assert urlsplit(one["target_link_uri"]).hostname == tool["domain"]
        self.registered.append(told)
        if isinstance(self.answered.get("whole"), str):
            return 200, self.answered["whole"], {}
        answer = {**told, "client_id": CLIENT, TOOL: {**tool, "deployment_id": DEPLOYMENT}}
        answer |= self.answered
        return 200, {name: value for name, value in answer.items() if value is not None}, {}

    def _tools(self, tool: str) -> str:
        """Shows the tool's page until that asks to be closed."""
        script = (
            "addEventListener('message', (event) => {"
            " if (event.data.subject === 'org.imsglobal.lti.close')"
            " document.body.textContent = 'The tool has closed itself.'; })"
        )
        return f'<iframe src="{escape(tool)}"></iframe><script>{script}</script>'

    # --- Deep linking ------------------------------------------------------------------------

    def choosing(self, /, **settings: Any) -> dict[str, Any]:
        """The changes that make a launch one that chooses links."""
        wanted = {
            "deep_link_return_url": f"{self.url}/chosen?course=7",
            "accept_types": ["link", "ltiResourceLink"],
            "accept_presentation_document_targets": ["window"],
            "accept_multiple": True,
            "accept_lineitem": True,
            "data": "course=7&sign=é",
            **settings,
        }
        return {
            f"{CLAIM}message_type": "LtiDeepLinkingRequest",
            f"{CLAIM}roles": [INSTRUCTOR],
            f"{CLAIM}resource_link": None,
            f"{DEEP}deep_linking_settings": {
                name: value for name, value in wanted.items() if value is not None
            },
        }

    def chosen(self, token: str) -> list[dict[str, Any]]:
        """The links that a tool's signed answer makes here."""
        name = jwt.get_unverified_header(token)["kid"]
        (key,) = (key for key in self.tool_keys["keys"] if key["kid"] == name)
        claims = jwt.decode(
            token,
            jwt.PyJWK(key),
            algorithms=["RS256"],
            audience=self.issuer,
            issuer=CLIENT,
            options={"require": ["exp", "iat", "nonce"]},
        )
        assert claims["exp"] - claims["iat"] <= 3600
        assert claims["nonce"] not in self.assertions
        self.assertions.add(claims["nonce"])
        assert claims[f"{CLAIM}deployment_id"] == DEPLOYMENT
        assert claims[f"{CLAIM}message_type"] == "LtiDeepLinkingResponse"
        assert claims[f"{CLAIM}version"] == "1.3.0"
        self.echoed = claims.get(f"{DEEP}data")
        return claims[f"{DEEP}content_items"]  # type: ignore[no-any-return]

    def _linked(self, token: str) -> str:
        titles = ", ".join(item["title"] for item in self.chosen(token))
        return f"<p>Linked: {escape(titles)}</p>"

    def take(self, items: list[dict[str, Any]]) -> None:
        """As after its form was saved: a column for what comes with one."""
        for item in items:
            if "lineItem" in item:
                path = f"/columns/{len(self.columns) + 1}"
                self.columns[path] = {**item["lineItem"], "id": f"{self.url}{path}?type=1"}

    # --- Tokens and lists --------------------------------------------------------------------

    def _token(self, body: bytes) -> tuple[int, Any, dict[str, str]]:
        """RFC 7523, with the tool's key read from its own keyset."""
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        assert form["grant_type"] == "client_credentials"
        assert (
            form["client_assertion_type"]
            == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        )
        assertion = form["client_assertion"]
        name = jwt.get_unverified_header(assertion)["kid"]
        found = [key for key in self.tool_keys["keys"] if key["kid"] == name]
        if not found:
            return 401, {"error": "invalid_client"}, {}
        claims = jwt.decode(
            assertion,
            jwt.PyJWK(found[0]),
            algorithms=["RS256"],
            audience=f"{self.url}/token",
            issuer=CLIENT,
            options={
                "require": ["exp", "iat", "sub", "jti"],
                "verify_exp": False,
                "verify_iat": False,
            },
        )
        assert claims["sub"] == CLIENT
        assert claims["exp"] - claims["iat"] <= 3600
        assert claims["jti"] not in self.assertions
        self.assertions.add(claims["jti"])
        token = uuid.uuid4().hex
        self.tokens[token] = set(form["scope"].split())
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600}, {}

    def _members(self, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        first = int(query.get("from", "0"))
        last = first + self.page
        links = {}
        if last < len(self.members):
            links = {"Link": f'<{self.url}/members?from={last}>; rel="next"'}
        content = {"id": f"{self.url}/members", "members": self.members[first:last]}
        return 200, content, links

    def _columns(
        self, method: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        if method == "GET":
            wanted = query.get("resource_id")
            found = [item for item in self.columns.values() if item["resourceId"] == wanted]
            return 200, found, {}
        assert headers["Content-Type"] == "application/vnd.ims.lis.v2.lineitem+json"
        told = json.loads(body)
        assert told["scoreMaximum"] > 0
        assert told["label"]
        path = f"/columns/{len(self.columns) + 1}"
        self.columns[path] = {**told, "id": f"{self.url}{path}?type=1"}
        return 201, self.columns[path], {}

    def _column(
        self, method: str, path: str, granted: set[str], headers: dict[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        name = path.removesuffix("/scores")
        if name not in self.columns:
            return 404, {"error": "no such column"}, {}
        if method == "GET":
            return 200, self.columns[name], {}
        assert f"{AGS}scope/score" in granted
        assert path.endswith("/scores")
        assert headers["Content-Type"] == "application/vnd.ims.lis.v1.score+json"
        told = json.loads(body)
        if told["userId"] in self.unknown:
            return 404, {"error": "no such user in this course"}, {}
        before = self.scores.setdefault((name, told["userId"]), [])
        assert all(one["timestamp"] < told["timestamp"] for one in before), "not newer"
        assert told["gradingProgress"] in ("FullyGraded", "NotReady")
        before.append(told)
        return 200, {}, {}

    def given(self, user: str) -> list[float | None]:
        """All scores that it took for this user, in order."""
        return [
            one.get("scoreGiven")
            for (_column, name), told in self.scores.items()
            if name == user
            for one in told
        ]
