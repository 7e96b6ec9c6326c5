from django.urls import path

from apps.terminals.views import kiosk, readers

# Readers write `iclock/…` behind the address that they are given, or only its end.
PREFIXES = ("iclock", "iclock/<str:token>", "iclock/<str:token>/iclock")

urlpatterns = [
    *(
        path(f"{prefix}/{name}", view)
        for prefix in PREFIXES
        for name, view in (
            ("cdata", readers.adms_data),
            ("getrequest", readers.adms_idle),
            ("devicecmd", readers.adms_idle),
            ("ping", readers.adms_idle),
            ("registry", readers.adms_registry),
            ("push", readers.adms_push),
        )
    ),
    path("kiosk/", kiosk.kiosk_page, name="kiosk"),
    path("kiosk/open/<int:session_id>", kiosk.kiosk_begin, name="kiosk-open"),
    path("kiosk/room", kiosk.room_kiosk_begin, name="kiosk-room"),
    path("kiosk/punch", kiosk.kiosk_punch, name="kiosk-punch"),
    path("kiosk/code", kiosk.kiosk_code, name="kiosk-code"),
    path("kiosk/end", kiosk.kiosk_end, name="kiosk-end"),
    path("hikvision/<str:token>", readers.hikvision_events),
]
