"""How often: whom and what each of these limits say apps/common/route_limits.py and the views."""

THROTTLE_RATES = {
    "report": "120/min",
    "export": "30/hour",
    "set_up": "20/min",
    "test_mail": "10/hour",
    "own_export": "6/hour",
    "search": "120/min",
    "download": "120/min",
    "schema": "30/min",
    "link": "20/hour",
    "device": "60/hour",
    "start": "30/min",
    "one_time_code": "30/min",
    "face_upload": "600/hour",
    "class_photo": "60/hour",
    "class_photo_look": "60/min",
    "terminal": "600/min",  # of an address: several readers may be behind one
    "camera": "600/min",  # of an address, likewise
    "kiosk": "600/min",  # of an address, likewise
    "kiosk_one": "60/min",  # of a kiosk
    "kiosk_opening": "20/min",
    "person": "60/min",
    "generate": "30/hour",
    "import_step": "60/min",
    "calendar_feed": "30/min",
    "lti": "600/min",  # an address: a whole class behind one opens its link at once
    "lti_roster": "10/min",
    "lti_register": "20/min",
    "scan_state": "90/min",  # of a browser; a page asks 30 times
    "refresh": "10/min",
    "password_reset": "10/min",
    # Of an address: a hall behind one signs in at once, and a passkey cannot be guessed.
    "passkey": "600/min",
    "scim": "3000/min",  # of an address: a directory sends some 25 a second
    "oneroster": "3000/min",  # of an address
    "oneroster_client": "1200/min",  # of a reader: a page of a list each
    "oneroster_token": "60/min",
    "provider": "600/min",  # likewise; each of three pages counts
    "redeem": "10/min",
    "check_in": "20/min",
    "check_in_offline": "10/min",
    "rapid_code": "30/min",
    "start_code": "10/min",
    "face_sample": "30/hour",
    "import": "60/min",
    "announcement": "10/hour",
    "leave": "20/hour",
}
