from tests.browser.pages import *
DBG = """() => { const out=[]; for (const e of document.querySelectorAll('#content *, main *, body *')) { const s=getComputedStyle(e); const b=e.getBoundingClientRect(); if (b.right>document.documentElement.clientWidth+1 || b.left < -1) { if (!e.checkVisibility()) continue; out.push([e.tagName, e.id, (e.getAttribute('class')||'').slice(0,110), s.display, 'min='+s.minWidth, 'w='+Math.round(b.width), 'l='+Math.round(b.left)].join(' | ')); } } return out.slice(0,14); }"""
def test_x(browser, site, hall):
    term = Term(hall)
    page = signed_in(browser, site, hall.admin).new_page()
    for path in pages_of_the_administration(hall.campus):
        if not re.search("/admin/$|importrun/add|weeklyslot/add|classsession/.*change", path): continue
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(site+path)
        for w in (1280, 320, 195):
            page.set_viewport_size({"width": w, "height": 800})
            page.wait_for_timeout(300)
            print(path, w); print("\n".join("   "+x for x in page.evaluate(DBG)))
            page.screenshot(path=f"/tmp/shots/adm-{path.replace('/','-')}{w}.png", full_page=True)
    page.goto("about:blank")
