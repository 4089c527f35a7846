"""Checks that every page must pass: names, headings, landmarks, no sideways scrolling."""

from __future__ import annotations

from typing import cast

from playwright.sync_api import Page

FAULTS = """() => {
  const faults = [];
  const named = (element) => (element.getAttribute("aria-label") || element.textContent || element.alt
    || [...element.querySelectorAll("img")].map((each) => each.alt).join("") || "").trim();
  const say = (what, element) => faults.push(what + ": " + element.outerHTML.slice(0, 120));
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.labels?.length && !field.getAttribute("aria-label")) say("field without a label", field);
  for (const link of document.querySelectorAll("a, button")) if (!named(link)) say("link or button without a name", link);
  for (const image of document.querySelectorAll("img")) if (!image.hasAttribute("alt")) say("image without alt", image);
  for (const marked of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
    for (const name of ["aria-describedby", "aria-labelledby"])
      for (const id of (marked.getAttribute(name) || "").split(/ /).filter(Boolean))
        if (!document.getElementById(id)) say("points at nothing: " + id, marked);
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push("id used twice: " + id);
  if (document.querySelectorAll("h1").length !== 1) faults.push("not exactly one h1");
  if (document.querySelectorAll("main").length !== 1) faults.push("not exactly one main");
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.querySelector(".skip-link")) faults.push("no skip link");
  if (!document.title) faults.push("no title");
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const now = Number(heading.tagName[1]);
    if (now > level + 1) say("heading leaves out a level", heading);
    level = now;
  }
  for (const head of document.querySelectorAll("th")) if (!head.scope) say("table head without scope", head);
  const inline = document.querySelectorAll("[style], main script:not([src]), style, [onclick]");
  for (const each of inline) say("inline style or script", each);
  if (document.documentElement.scrollWidth > window.innerWidth) faults.push("scrolls sideways at " + window.innerWidth);
  return faults;
}"""


def faults(page: Page) -> list[str]:
    """What is wrong with the page as it is shown now."""
    return cast("list[str]", page.evaluate(FAULTS))
