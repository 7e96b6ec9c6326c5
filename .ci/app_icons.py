"""Draws the icons of the web app, `static/img/app/*.png`, from the logo: run it after a change.

`python .ci/app_icons.py`. Needs Chromium (with the development packages): it draws the SVG.
"""

import re
import shutil
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

IMAGES: Final = Path(__file__).resolve().parents[1] / "static" / "img"
# File → pixels, and which part of the side the logo's own square fills. A maskable icon is cut to
# any shape: what matters lies within a circle of 80 % of its side.
ICONS: Final = {
    "icon-192.png": (192, 1.0),
    "icon-512.png": (512, 1.0),
    "maskable-512.png": (512, 0.8),
    "apple-touch-icon.png": (180, 0.9),
}


def picture(logo: str, share: float) -> str:
    """The logo as a page: with its round corners, or on a square of its colour."""
    if share == 1:
        return logo
    inner = logo.replace('rx="9"', 'rx="0"')
    inner = re.sub(r"<svg ", '<svg x="{0}" y="{0}" width="{1}" height="{1}" ', inner, count=1)
    place = inner.format(16 * (1 - share), 32 * share)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" fill="#3f4fc4"/>{place}</svg>'
    )


def main() -> None:
    logo = (IMAGES / "logo.svg").read_text()
    (IMAGES / "app").mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, (side, share) in ICONS.items():
            page = browser.new_page(viewport={"width": side, "height": side})
            page.set_content(
                "<style>body{margin:0}svg{display:block}body>svg{width:100vw;height:100vh}</style>"
                + picture(logo, share)
            )
            page.screenshot(path=IMAGES / "app" / name, omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
