#!/usr/bin/env python3
"""The documentation as a site: strict build, every page linked, nothing loaded from elsewhere.

    site_test.py SOURCE_ROOT      exit status 77: no mkdocs here (tools/install-deps doc)
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
# What a browser fetches by itself; <a href> is for people.
LOADS = re.compile(r"<(?:script|img|iframe|source|video|audio|object|embed)\b[^>]*?(?:src|data)=[\"']([^\"']+)"
                   r"|<link\b[^>]*?href=[\"']([^\"']+)|url\(\s*[\"']?([^)\"']+)|@import\s+[\"']([^\"']+)", re.I)


def fail(text):
    print("FAILED  " + text)
    sys.exit(1)


def elsewhere(site):
    for page in sorted(site.rglob("*")):
        if page.suffix not in (".html", ".css"):
            continue
        for found in LOADS.finditer(page.read_text(encoding="utf-8")):
            target = next(filter(None, found.groups()))
            if re.match(r"(?:[a-z]+:)?//", target, re.I):
                yield f"{page.relative_to(site)} loads {target}"
            elif not target.startswith(("data:", "#")):
                place = page.parent / re.split("[?#]", target)[0]
                if not place.exists():
                    yield f"{page.relative_to(site)} loads {target}, which is not there"


def dead_links():
    """Links of pages that lead to no file of the source tree (on the site some are only text)."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "doc").rglob("*.md")]:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"[a-z]+:|#", target) and not (page.parent / target.split("#")[0]).exists():
                yield f"{page.relative_to(ROOT)}: {target}"


def main():
    if dead := list(dead_links()):
        fail("links to what is not there:\n" + "\n".join(dead))
    if shutil.which("mkdocs") is None:
        print("skipped: no mkdocs (tools/install-deps doc)")
        return 77
    with tempfile.TemporaryDirectory(prefix="mk-site-") as folder:
        done = subprocess.run([ROOT / "tools/build-site", folder], capture_output=True, text=True, timeout=200)
        if done.returncode != 0:
            fail("the site can't be built\n" + done.stdout + done.stderr)
        site, source = pathlib.Path(folder, "site"), pathlib.Path(folder, "site-source")
        pages = sorted(path.relative_to(source).with_suffix(".html") for path in source.rglob("*.md"))
        start = (site / "index.html").read_text(encoding="utf-8")
        for page in pages:
            if not (site / page).exists():
                fail(f"{page} was not made")
            if f'href="{page}"' not in start and str(page) != "index.html":
                fail(f"{page} is not in the menu: add it to nav in mkdocs.yml")
        if complaints := list(elsewhere(site)):
            fail("\n".join(complaints))
        print(f"{len(pages)} pages, all in the menu; nothing is loaded from elsewhere")
    return 0


if __name__ == "__main__":
    sys.exit(main())
