"""Some of the students in Chromium: the check-in page itself, as a phone shows it.

Playwright drives it, from one thread: its objects belong to the thread that made them. Playwright
comes with the extra `test`; nothing else in the app needs it.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django.urls import reverse

from apps.demo.simulation.acts import Played, Player, Scene
from apps.demo.simulation.prepare import Account
from apps.demo.simulation.server import SimulationError
from apps.qr_otp.tokens import LINK_PATH

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Geolocation, Page, Playwright

PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
WALL: Final[dict[str, Any]] = {"viewport": {"width": 1920, "height": 1080}}
# Chromium starts as root only without its sandbox; it opens the pages of the given server alone.
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PATIENCE_MS: Final = 30_000.0
NOT_INSTALLED: Final = (
    "Students in a browser need Playwright, which is not installed: "
    'run `python -m pip install -e ".[test]"`.'
)
Result = TypeVar("Result")


def find_chromium(*, windows: bool = False) -> str | None:
    """The path of this machine's Chromium; None if it has none.

    Debian's `chromium-headless-shell` has no windows, and needs half of the processor's time.
    """
    names = ["chromium", "chromium-browser"]
    if not windows:
        names.insert(0, "chromium-headless-shell")
    return next((path for name in names if (path := shutil.which(name))), None)


@dataclass(kw_only=True)
class Browsers:
    """Chromium with a page for each of some students. Use it as a context manager.

    Raises `SimulationError` when Playwright or Chromium is missing. `pictures` is the folder for
    the screens that the pages showed, `visible` opens windows.
    """

    url: str
    campus: str
    pictures: Path | None = None
    visible: bool = False
    _thread: ThreadPoolExecutor = field(init=False)
    _playwright: "Playwright" = field(init=False)
    _browser: "Browser" = field(init=False)
    _wall: "Page | None" = field(init=False, default=None)

    def __enter__(self) -> "Browsers":
        self._thread = ThreadPoolExecutor(1, "browser")
        try:
            self._there(self._start)
        except BaseException:
            self._thread.shutdown()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._there(self._stop)
        self._thread.shutdown()

    def show_projector(self, lecturer: Account, session: int) -> None:
        """Open the projector's page, signed in as the lecturer."""
        self._there(lambda: self._open_projector(lecturer, session))

    def picture_of_projector(self) -> None:
        self._there(lambda: self._picture(self._wall, "projector"))

    def check_in(self, account: Account, player: Player, scene: Scene, *, key: str) -> Played:
        """Open the link of the code, sign in, bind the browser; returns what the page was told."""
        return self._there(lambda: self._check_in(account, player.random, scene, key))

    # --- In the thread of the browser ---

    def _there(self, work: Callable[[], Result]) -> Result:
        """Playwright's errors, a page that does not go on among them, name what was waited for."""
        try:
            return self._thread.submit(work).result()
        except Exception as error:
            if type(error).__module__.startswith("playwright."):
                message = f"The browser: {str(error).partition('Call log:')[0].strip()}"
                raise SimulationError(message) from error
            raise

    def _start(self) -> None:
        try:
            from playwright.sync_api import sync_playwright
        except ImportError as error:
            raise SimulationError(NOT_INSTALLED) from error
        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(
                # None: the one that `playwright install` fetched
                executable_path=find_chromium(windows=self.visible),
                headless=not self.visible,
                args=list(FLAGS),
            )
        except BaseException:
            self._playwright.stop()
            raise

    def _stop(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def _page(self, **options: Any) -> "Page":
        headers = {"X-Campus": self.campus}  # for hosts that belong to no campus
        page = self._browser.new_context(extra_http_headers=headers, **options).new_page()
        page.set_default_timeout(PATIENCE_MS)
        return page

    def _open_projector(self, lecturer: Account, session: int) -> None:
        page = self._wall = self._page(**WALL)
        self._goto(page, reverse("portal:projector", args=[session]))
        _fill_in(page, lecturer)
        page.click("main button[type=submit]")
        page.locator("[data-qr] svg").wait_for()

    def _check_in(self, account: Account, random: Random, scene: Scene, key: str) -> Played:
        fix = scene.room.fix(random)
        place = {name: float(fix[name]) for name in ("latitude", "longitude")}
        place["accuracy"] = fix["accuracy_m"]
        page = self._page(**PHONE, geolocation=place, permissions=["geolocation"])
        self._goto(page, LINK_PATH + scene.projector.token.rpartition("/")[2])
        _fill_in(page, account)
        self._picture(page, f"student-{key}-1-sign-in")
        page.tap("main button[type=submit]")
        bind, stopped = page.locator("[data-do=bind]"), page.locator("[data-screen=stop] h1")
        bind.or_(stopped).locator("visible=true").first.wait_for()
        if stopped.is_visible():
            return Played(answer=stopped.inner_text())
        self._picture(page, f"student-{key}-2-bind")
        # Chromium dates a position by when it was set: a new one, however long the sign-in took.
        page.context.set_geolocation(cast("Geolocation", place))
        with page.expect_response(lambda answer: answer.url.endswith("/api/v1/check-in")) as sent:
            bind.tap()
        page.locator("[data-screen=result]").or_(stopped).locator("visible=true").first.wait_for()
        self._picture(page, f"student-{key}-3-result")
        if not sent.value.ok:
            return Played(answer=f"{sent.value.status} {stopped.inner_text()}")
        attempt = sent.value.json()
        return Played(answer=f"{attempt['outcome']} {attempt['reason']}".strip(), attempt=attempt)

    def _goto(self, page: "Page", path: str) -> None:
        page.goto(f"{self.url.rstrip('/')}{path}")

    def _picture(self, page: "Page | None", name: str) -> None:
        if self.pictures is not None and page is not None:
            page.screenshot(path=self.pictures / f"{name}.png", animations="disabled")


def _fill_in(page: "Page", account: Account) -> None:
    page.fill("input[name=login]", account.email)
    page.fill("input[name=password]", account.password)
