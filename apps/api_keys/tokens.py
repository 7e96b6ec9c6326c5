from apps.tenants.key_tokens import KeyToken


class ApiKeyToken(KeyToken):
    prefix = "campus_"
