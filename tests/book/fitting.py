"""Whether what a page says fits a screen and a sheet of paper; asked of the drawn boxes."""

PAPER = {"width": 668, "height": 986}
"""What the margins leave of A4, in CSS pixels."""

WIDEST = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"

# Code and what it prints wraps; a wider table or figure says that it scrolls, also to the keyboard.
HIDDEN = """() => {
  const boxes = ["pre", ".pst-scrollable-table-container", ".text_html", ".figure-image"];
  const says = (box) => "scrolls" in box.dataset && box.tabIndex === 0
    && getComputedStyle(box, "::before").content.includes("scrolls");
  return [...document.querySelectorAll(boxes.map((box) => `article ${box}`).join())]
    .filter((box) => box.clientWidth && box.scrollWidth > box.clientWidth + 1)
    .filter((box) => box.tagName === "PRE" || !says(box))
    .map((box) => `${box.tagName}: ${box.textContent.trim().slice(0, 60)}`);
}"""

# What is within a formula or a drawing is measured by the whole; unseen words are for listeners.
OFF_PAPER = """() => {
  const room = document.documentElement.clientWidth;
  const found = [];
  for (const part of document.querySelectorAll("body *")) {
    const style = getComputedStyle(part);
    const box = part.getBoundingClientRect();
    if (!box.width || !box.height || style.visibility === "hidden") continue;
    if (part.closest("svg *, .unseen, .math *")) continue;
    const name = `${part.tagName}.${part.className}: ${part.textContent.trim().slice(0, 60)}`;
    const clips = style.overflowX !== "visible" && part.clientWidth && !part.matches(".math, svg");
    if (box.right > room + 1) found.push(`wider than the page, ${name}`);
    else if (clips && part.scrollWidth > part.clientWidth + 1) found.push(`cut off, ${name}`);
    else if (part.matches("article :is(button, input, select)")) found.push(`pressed, ${name}`);
  }
  return found;
}"""
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def widest(tab):
    """Give the width that the page needs."""
    return tab.evaluate(WIDEST)


def hidden(tab):
    """Give what is wider than its place on the screen, and does not say that it scrolls.

    What has just got another width says so a frame later.
    """
    for _ in range(10):
        if not (found := tab.evaluate(HIDDEN)):
            break
        tab.evaluate(FRAMES)
    return found


def off_paper(tab):
    """Give what a printed page cuts off, and what nobody can press on it."""
    tab.set_viewport_size(PAPER)
    tab.emulate_media(media="print")
    tab.evaluate("void dispatchEvent(new Event('beforeprint'))")
    # A drawing follows its box once it is told of the new size.
    tab.evaluate(FRAMES)
    found = tab.evaluate(OFF_PAPER)
    tab.evaluate("void dispatchEvent(new Event('afterprint'))")
    tab.emulate_media(media="screen")
    return found
