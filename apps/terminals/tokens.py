from apps.common.key_tokens import KeyToken


class TerminalToken(KeyToken):
    prefix = "terminal_"
