"""Texts from strangers' files, made fit to be shown: one encoding, no debris of HTML, no control characters.

Cleaning is safe to repeat: a text that is clean stays as it is.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from html.entities import html5

ELLIPSIS = "…"

_PLAIN = re.compile(r"(?:[!-%'-~]+(?: [!-%'-~]+)*)?")
"""Printable ASCII without ampersands, single spaces only: there is nothing to clean."""

_AMPERSANDS = re.compile(r"&(?:(?:amp|AMP|#0*38|#[xX]0*26);)+")
_ENTITY = re.compile(r"&(?:#[xX]?[0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});")

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # control characters that are not white space
    "\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # unseen, or turning direction
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"  # no characters at all
)

_CP1252 = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_CONTROLS_MEANT = {byte: character for character, byte in _CP1252.items()}
"""Control characters 0x80 to 0x9F are never meant: they are quotes and dashes of Windows-1252."""
_TRAIL = "\x80-\xbf" + "".join(map(chr, _CP1252))
_MISREAD = re.compile(f"[\xc2-\xdf][{_TRAIL}]|[\xe0-\xef][{_TRAIL}]{{2}}|[\xf0-\xf4][{_TRAIL}]{{3}}")
"""Characters that were one character in UTF-8 before somebody read it as Latin-1 or Windows-1252."""
_SURELY_MISREAD = re.compile(f"[\xc2-\xc5][{_TRAIL}]|â[\x80€][{_TRAIL}]|â[\x82‚]¬|â[\x84„]¢")
"""Those that hardly any language writes: accented Latin letters, signs and typographic punctuation."""
_LETTER_AND_MARKS = re.compile("[À-ÖØ-öø-ÿ][¡¿«»“”‘’…–—]+")
"""A letter before punctuation, as in "¡OLÉ¡": where nothing else was misread, it is right as it is."""
_PERHAPS_QUOTED = re.compile(r"[A-ZÀ-Þ][ÂÃ][’”…–—](?!\w)")
"""A word in capitals before a closing mark, as in "IRMÃ": it may be right as it is."""
_IMPLAUSIBLE = {"Cc", "Cn", "Co", "Cs"}

_BLOCKS = "address|article|blockquote|br|center|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|section|table|td|th|tr|ul"
_INLINE = (
    "a|abbr|acronym|b|big|body|cite|code|dfn|em|embed|font|form|head|html|i|iframe|img|input|link|meta|"
    "noscript|object|q|s|script|small|span|strike|strong|style|sub|sup|svg|tbody|textarea|thead|title|tt|u|var"
)
_UNSEEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_ATTRIBUTES = r"(?:\s[^<>]*=[^<>]*)?\s*/?"
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCKS}){_ATTRIBUTES}>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}>", re.IGNORECASE)


def clean_line(text: str) -> str:
    """The text on one line: white space folded, entities resolved, mojibake repaired, NFC."""
    if _PLAIN.fullmatch(text):
        return text
    return _until_stable(lambda some: " ".join(_cleaned(some).split()), text)


def clean_text(text: str) -> str:
    """Like `clean_line`, but paragraphs are kept and HTML tags are taken away."""
    if _PLAIN.fullmatch(text) and "<" not in text:
        return text
    return _until_stable(lambda some: _paragraphs(_without_tags(_cleaned(some))), text)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters: cut after a word, if there is one in the second half, with an ellipsis."""
    if len(text) <= limit:
        return text
    end = limit - len(ELLIPSIS)
    space = text.rfind(" ", limit // 2, end + 1)
    if space >= 0:
        return text[:space].rstrip(" ,;:-–—/") + ELLIPSIS
    while end > 1 and unicodedata.category(text[end]).startswith("M"):
        end -= 1
    return text[:end] + ELLIPSIS


def has_visible(text: str) -> bool:
    """Whether there is something to read: a letter, digit, sign or mark other than a dash."""
    return any(unicodedata.category(c)[0] in "LNPS" and unicodedata.category(c) != "Pd" for c in text)


def bare_words(text: str) -> str:
    """The words without case, accents and punctuation, to tell whether two texts say the same.

    Identities of books are made of this and are kept for ever, so it must stay as it is; the folding of
    search (`text_folding`) may change with every rebuild of the index.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = (
        c if unicodedata.category(c)[0] in "LNM" else " " for c in decomposed if not unicodedata.combining(c)
    )
    return " ".join("".join(kept).split())


def repair_mojibake(text: str) -> str:
    """UTF-8 that was read as Latin-1 or Windows-1252, read rightly; any other text unchanged.

    The repair is exact: it is made only when the whole text turns back into bytes that are valid UTF-8,
    so reading the result wrongly again would give the text that came in. It is made only when it is
    surely better: nothing implausible appears, and what was misread is either two characters that no
    language puts side by side, or happens more than once.
    """
    for _ in range(3):
        repaired = _repaired_once(text)
        if repaired == text:
            break
        text = repaired
    return text


def _repaired_once(text: str) -> str:
    misread = _MISREAD.findall(text)
    if not misread or _PERHAPS_QUOTED.search(text):
        return text
    if not any(map(_SURELY_MISREAD.fullmatch, misread)) and (
        len(misread) == 1 or all(map(_LETTER_AND_MARKS.fullmatch, misread))
    ):
        return text
    try:
        repaired = text.translate(_CP1252).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
    plausible = all(c.isascii() or unicodedata.category(c) not in _IMPLAUSIBLE for c in repaired)
    return repaired if plausible else text


def _until_stable(clean: Callable[[str], str], text: str) -> str:
    """Clean again while that changes anything: what is taken away may join its neighbors to new debris."""
    for _ in range(5):
        cleaned = clean(text)
        if cleaned == text:
            break
        text = cleaned
    return text


def _cleaned(text: str) -> str:
    if "&" in text:
        text = _resolve_entities(text)
    if not text.isascii():
        text = repair_mojibake(text).translate(_CONTROLS_MEANT)
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text))


def _resolve_entities(text: str) -> str:
    for _ in range(5):
        resolved = _ENTITY.sub(_character, _AMPERSANDS.sub("&", text))
        if resolved == text:
            break
        text = resolved
    return text


def _character(entity: re.Match[str]) -> str:
    """What an entity stands for; itself when it is none. Only entities with a semicolon are resolved."""
    if entity[0].startswith("&#"):
        return html.unescape(entity[0])
    return html5.get(entity[0][1:], entity[0])


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    for _ in range(3):
        stripped = _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", _UNSEEN.sub("", text)))
        if stripped == text:
            return text
        text = stripped
    if _BLOCK_TAG.search(text) or _INLINE_TAG.search(text):
        return text.replace("<", "").replace(">", "")  # tags within tags within tags: made to deceive
    return text


def _paragraphs(text: str) -> str:
    lines = "\n".join(" ".join(line.split()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()
