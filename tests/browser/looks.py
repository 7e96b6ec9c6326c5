"""What is looked at on any page: what axe says, and what sticks out of the screen."""

from typing import Any, Final

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# What moves comes to its end first: an arrival that fades in has no contrast yet. Signs of work
# that go on for ever have no end.
AT_REST: Final = """() => Promise.all(
  document.getAnimations()
    .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
    .map((one) => one.finished.catch(() => {})),
)"""
OF_COLOURS: Final = ("color-contrast", "link-in-text-block")  # axe's rules that a theme changes
HAS_AXE: Final = "typeof axe !== 'undefined'"
VIOLATIONS: Final = """async (rules) => {
  const options = rules.length ? { runOnly: rules } : {};
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...options });
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map((node) => `${id} (${impact}): ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""
DRAWN: Final = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
)
# Text, controls and pictures of which a part lies beside the screen, unless a box of their own
# scrolls or cuts them; how much wider than the screen the document is; and words that were left no
# room.
STICKING_OUT: Final = """() => {
  const root = document.documentElement;
  const boxed = (one) => {
    for (let up = one.parentElement; up && up !== document.body; up = up.parentElement) {
      if (getComputedStyle(up).overflowX !== "visible") return true;
    }
    return false;
  };
  const hidden = (box) => box.width <= 1 || box.height <= 1;
  const found = [...document.body.querySelectorAll("*")]
    .filter((one) => one.matches("a, button, input, select, textarea, img, svg, canvas, summary")
      || [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .filter((one) => {
      const box = one.getBoundingClientRect();
      return !hidden(box) && box.bottom > 0 && (box.left < -1 || box.right > root.clientWidth + 1);
    })
    .filter((one) => !boxed(one))
    .map((one) => `${one.tagName} ${one.getAttribute("class") ?? ""}: `
      + one.textContent.trim().replace(/\\s+/g, " ").slice(0, 40));
  const squeezed = [...document.body.querySelectorAll("*")]
    .filter((one) => [...one.childNodes]
      .some((node) => node.nodeType === 3 && node.data.trim().length > 12))
    .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .filter((one) => {
      const style = getComputedStyle(one);
      const box = one.getBoundingClientRect();
      const size = parseFloat(style.fontSize);
      return style.display !== "inline" && box.width > 1 && box.width < 3 * size
        && box.height > 6 * size;
    })
    .map((one) => `squeezed: ${one.textContent.trim().slice(0, 40)}`);
  const wider = root.scrollWidth - root.clientWidth;
  return [
    ...(wider > 0 ? [`the page, by ${wider} px`] : []),
    ...found.slice(0, 5),
    ...squeezed.slice(0, 5),
  ];
}"""


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds on the page as it is shown now, of whatever impact; by these rules or all."""
    page.evaluate(AT_REST)
    if not page.evaluate(HAS_AXE):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(VIOLATIONS, list(rules))
    return found


def sticking_out(page: Page, width: int, **size: Any) -> list[str]:
    """What does not fit into a screen of this many CSS pixels."""
    page.set_viewport_size({"width": width, "height": size.get("height", 800)})
    page.evaluate(DRAWN)
    found: list[str] = page.evaluate(STICKING_OUT)
    return found
