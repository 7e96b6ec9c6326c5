from apps.tenants.key_tokens import KeyToken


class TerminalToken(KeyToken):
    prefix = "terminal_"
