from apps.tenants.key_tokens import KeyToken


class CameraToken(KeyToken):
    prefix = "camera_"
