"""The page of an audit: the verdict, the numbers, and the pictures side by side."""

from __future__ import annotations

import io
import math
from html import escape

from PIL import Image

from skinzoo import html
from skinzoo.datasets.auditing.matches import KINDS, Match
from skinzoo.datasets.auditing.near import MIN_SIMILARITY
from skinzoo.datasets.auditing.pool import Entry
from skinzoo.datasets.auditing.result import Audit
from skinzoo.datasets.auditing.shifts import Shift
from skinzoo.datasets.exposure import Exposure

MAX_MATCHES = 24
"""Matches of each kind that are shown with pictures."""

MAX_ENTRIES = 4
"""Pictures of each match."""

_PIXELS = 200
_STYLE = """
.verdict { display: flex; gap: 1rem; align-items: baseline; border-left: 6px solid var(--tone); margin-top: 1.25rem; }
.verdict b { color: var(--tone); font-size: 1.25rem; white-space: nowrap; }
.about { color: var(--soft); margin: -.4rem 0 .8rem; }
.matches { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: .75rem; }
.match { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .8rem; min-width: 0; }
.pictures { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; }
.picture { min-width: 0; font-size: .82rem; line-height: 1.35; }
.picture img, .gone { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: contain; border-radius: 6px;
  background: var(--back); margin-bottom: .35rem; }
.gone { display: grid; place-items: center; color: var(--soft); }
.picture b, .picture span { display: block; overflow-wrap: anywhere; }
.picture span { color: var(--soft); }
.badges { display: flex; flex-wrap: wrap; gap: .35rem; margin-bottom: .6rem; font-size: .78rem; }
.badge { border: 1px solid var(--line); border-radius: 99px; padding: .05rem .6rem; color: var(--soft); }
.badge.strong { color: var(--tone); border-color: var(--tone); }
.card a { color: var(--mark); }
"""
_TONES = {"clean": "good", "look at it": "warn", "leaks": "bad"}
_ABOUT = {
    "id": "Rows whose ids mean one picture.",
    "bytes": "One file, byte for byte, under ids that do not tell.",
    "near": f"Pictures that agree by {MIN_SIMILARITY:g} or more, while neither ids nor lesions or patients tell; the "
    "least alike first. Look whether they are one.",
    "group": "One lesion or patient in several datasets.",
    "label": "One picture under labels that exclude one another.",
}


def render_page(audit: Audit) -> str:
    """The page as HTML; every text from the data is escaped."""
    tone = _TONES[audit.verdict]
    banner = (
        f'<div class="card verdict {tone}"><b>{escape(audit.verdict)}</b><span>{escape(audit.sentence)}</span></div>'
    )
    counts = audit.counts()
    tiles = {
        "images": f"{audit.num_images:,}",
        "matches between datasets": f"{len(audit.leaks):,}",
        "matches within one": f"{sum(counts[f'{kind}_within'] for kind in ('id', 'bytes', 'near')):,}",
        "contradictory labels": f"{counts['label_across'] + counts['label_within']:,}",
    }
    shifts = sorted(audit.shifts, key=lambda s: (not s.is_large, math.isnan(s.value)))
    return html.page(
        audit.title,
        "What these images share, and what stands twice among them",
        [
            banner,
            html.tiles(tiles),
            html.section("What was found", html.card(_overview(audit))),
            html.section("How much is shared", html.card(_overlaps(audit)) if audit.overlaps else ""),
            *(html.section(f"What {e.train} exposes of {e.test}", html.card(_exposure(e))) for e in audit.exposures),
            *(_gallery(audit, kind) for kind in ("label", "near", "bytes", "group", "id")),
            html.section("How they differ", html.card(_shift_table(shifts)) if shifts else ""),
            html.section(
                "Unreadable",
                html.card(html.bullets(f"{d}: {i}: {why}" for (d, i), why in list(audit.unreadable.items())[:50])),
            ),
            html.section("Notes", html.card(html.bullets(audit.notes), kind="notes")),
        ],
        style=_STYLE,
    )


def _overview(audit: Audit) -> str:
    rows = []
    for kind, what in KINDS.items():
        found = audit.of(kind)
        images = len({(e.dataset, e.row) for m in found for e in m.entries})
        between = len(audit.of(kind, across=True))
        within = "" if kind == "group" else f"{len(found) - between:,}"
        link = f'<a href="#{kind}">{escape(what)}</a>' if found else escape(what)
        rows.append([link, f"{between:,}", within, f"{images:,}"])
    if not audit.near:
        rows[list(KINDS).index("near")] = [escape(KINDS["near"]), "not looked for", "", ""]
    return html.table(["", "between datasets", "within one", "images"], rows)


def _overlaps(audit: Audit) -> str:
    rows = [
        [
            escape(o.dataset),
            escape(o.other),
            f"{o.pictures:,}",
            f"{o.num_images:,}",
            f"{o.share:.1%}{html.bar(o.share)}",
        ]
        for o in audit.overlaps
    ]
    return html.table(["images of", "show a picture of", "images", "of", "share"], rows)


def _exposure(exposure: Exposure) -> str:
    counts = {**exposure.per_class, "all": (exposure.count, exposure.num_images)}
    rows = [
        [escape(code), f"{hit:,}", f"{total:,}", f"{hit / total:.1%}{html.bar(hit / total)}"]
        for code, (hit, total) in counts.items()
        if total
    ]
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in exposure.reasons.items())
    return html.table(["class", "exposed", "images", "share"], rows) + (
        f'<p class="notes">{escape(reasons)}</p>' if reasons else ""
    )


def _gallery(audit: Audit, kind: str) -> str:
    found = [m for m in audit.findings if m.kind == kind]
    if not found:
        return ""
    if kind in ("id", "label"):
        found = sorted(found, key=lambda m: math.inf if math.isnan(m.similarity) else m.similarity)
    shown = found[:MAX_MATCHES]
    rest = f" {len(shown)} of {len(found):,} are shown; audit.json lists all." if len(found) > len(shown) else ""
    matches = "".join(_match(audit, m) for m in shown)
    title = KINDS[shown[0].kind]
    return (
        f'<h2 id="{kind}">{escape(title[0].upper() + title[1:])}: {len(found):,}</h2>'
        f'<p class="about">{escape(_ABOUT[kind] + rest)}</p><div class="matches">{matches}</div>'
    )


def _match(audit: Audit, match: Match) -> str:
    badges = [f'<span class="badge">{escape(" + ".join(match.datasets))}</span>'] if len(audit.datasets) > 1 else []
    if not math.isnan(match.similarity):
        tone = " strong warn" if match.similarity < MIN_SIMILARITY else ""
        badges.append(f'<span class="badge{tone}">similarity {match.similarity:.3f}</span>')
    if match.turned:
        badges.append('<span class="badge">flipped or turned</span>')
    if match.kind == "label":
        labels = " / ".join(dict.fromkeys(e.label for e in match.entries if e.label))
        badges.append(f'<span class="badge strong bad">{escape(labels)}</span>')
    if len(match.entries) > MAX_ENTRIES:
        badges.append(f'<span class="badge">{len(match.entries):,} images</span>')
    shown = _spread(match)
    return (
        f'<div class="match"><div class="badges">{"".join(badges)}</div>'
        f'<div class="pictures">{"".join(_picture(audit, e) for e in shown)}</div></div>'
    )


def _spread(match: Match) -> list[Entry]:
    """The first rows, with one of each dataset."""
    firsts = [next(e for e in match.entries if e.dataset == name) for name in match.datasets]
    return [*firsts, *(e for e in match.entries if e not in firsts)][:MAX_ENTRIES]


def _picture(audit: Audit, entry: Entry) -> str:
    group = audit.datasets[entry.dataset].info.group
    lines = [
        entry.dataset if len(audit.datasets) > 1 else "",
        f"{group} {entry.group}" if group != "image" and entry.group != entry.id else "",
        entry.image,
    ]
    told = "".join(f"<span>{escape(line)}</span>" for line in lines if line)
    label = f" · {entry.label}" if entry.label else ""
    return f'<div class="picture">{_thumbnail(audit, entry)}<b>{escape(entry.id + label)}</b>{told}</div>'


def _thumbnail(audit: Audit, entry: Entry) -> str:
    dataset = audit.datasets[entry.dataset]
    try:
        pixels = dataset.source.read(entry.image, "", entry.id)[0]
        image = Image.fromarray(pixels)
    except Exception as error:  # of a source that anybody may have written; the page says so
        return f'<div class="gone">{escape(type(error).__name__)}</div>'
    image.thumbnail((_PIXELS, _PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return html.image(entry.id, buffer.getvalue(), kind="jpeg")


def _shift_table(shifts: list[Shift]) -> str:
    rows = []
    for s in shifts:
        defined = not math.isnan(s.value)
        p = ("< 0.001" if s.p < 0.001 else f"{s.p:.3f}") if defined else ""
        flag = '<span class="badge strong warn">large</span>' if s.is_large else ""
        value = f"{s.value:.3f}" if defined else f"n/a: {escape(s.reason)}"
        rows.append([escape(s.column), escape(f"{s.reference} / {s.other}"), escape(s.measure), value, p, flag])
    return html.table(["column", "datasets", "measure", "value", "p", ""], rows)
