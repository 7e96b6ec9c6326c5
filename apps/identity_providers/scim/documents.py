"""What this server says of itself: RFC 7643 §5 to §7. Its own few attributes, and no groups."""

from typing import Any, Final

from apps.identity_providers.scim.requests import ENTERPRISE, MOST, USER

_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0"


def provider_config(base: str) -> dict[str, Any]:
    return {
        "schemas": [f"{_SCHEMA}:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MOST},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": False},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "The key of a SCIM client of the campus.",
                "primary": True,
            }
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": f"{base}/ServiceProviderConfig",
        },
    }


def resource_types(base: str) -> list[dict[str, Any]]:
    return [
        {
            "schemas": [f"{_SCHEMA}:ResourceType"],
            "id": "User",
            "name": "User",
            "endpoint": "/Users",
            "description": "People with an account on this campus",
            "schema": USER,
            "schemaExtensions": [{"schema": ENTERPRISE, "required": False}],
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/User"},
        }
    ]


def _attribute(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    usual = {
        "multiValued": False,
        "required": False,
        "caseExact": False,
        "mutability": "readOnly",
        "returned": "default",
        "uniqueness": "none",
    }
    return {"name": name, "type": kind, **usual, **more}


def schemas(base: str) -> list[dict[str, Any]]:
    user = [
        _attribute("userName", required=True, uniqueness="server", mutability="immutable"),
        _attribute("active", "boolean", mutability="readWrite"),
        _attribute("externalId", caseExact=True, mutability="readWrite"),
        _attribute("displayName"),
        _attribute(
            "name",
            "complex",
            mutability="immutable",
            subAttributes=[_attribute("givenName"), _attribute("familyName")],
        ),
        _attribute(
            "emails",
            "complex",
            multiValued=True,
            mutability="immutable",
            subAttributes=[
                _attribute("value"),
                _attribute("type"),
                _attribute("primary", "boolean"),
            ],
        ),
    ]
    extension = [_attribute("employeeNumber", mutability="immutable")]
    return [
        {
            "schemas": [f"{_SCHEMA}:Schema"],
            "id": urn,
            "name": name,
            "description": name,
            "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{urn}"},
        }
        for urn, name, attributes in (
            (USER, "User", user),
            (ENTERPRISE, "EnterpriseUser", extension),
        )
    ]
