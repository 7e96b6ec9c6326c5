from apps.common.key_tokens import KeyToken


class CameraToken(KeyToken):
    prefix = "camera_"
