"""What the ledger keeps of how somebody can be reached, without being able to reach anybody.

Made in SQL from the landing's personal columns, beside the salted digest of the e-mail address (`landed.py`). Pure
functions of column names. Alone: `python -c "from snapshots.contact import Contact; print(Contact('email').made)"`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snapshots.digest import literal, quoted

EMAIL_DIGEST = "email_digest"

_LABEL = r"[\p{L}\p{N}]([\p{L}\p{N}-]*[\p{L}\p{N}])?"
WELL_FORMED = rf"""[^\s@,;:<>()\[\]\\"]+@({_LABEL}\.)+[\p{{L}}][\p{{L}}\p{{N}}-]*[\p{{L}}\p{{N}}]"""
"""One mailbox, and a domain of labels of letters, digits and inner hyphens that ends in no number."""

_FREE_MAIL = (
    *("126", "139", "163", "aol", "arcor", "bluewin", "btinternet", "comcast", "cox", "duck", "fastmail", "freenet"),
    *("gmail", "gmx", "googlemail", "hey", "hotmail", "hushmail", "icloud", "inbox", "laposte", "libero", "live"),
    *("mac", "mail", "me", "msn", "naver", "o2online", "online", "orange", "outlook", "pm", "posteo", "proton"),
    *("protonmail", "qq", "rambler", "rediffmail", "rocketmail", "seznam", "sfr", "sina", "t-online", "tutanota"),
    *("uol", "verizon", "virgilio", "wanadoo", "web", "wp", "yahoo", "yandex", "ymail", "zoho", "zohomail"),
)
FREE_MAIL = rf"({'|'.join(_FREE_MAIL)})(\.(co|com|net|ne))?\.[a-z]{{2,3}}"
"""Providers under any country's ending: what they say of somebody is nothing about the company."""


@dataclass(frozen=True)
class Contact:
    """The landed personal columns that tell how people can be reached, as the manifest names them."""

    email: str | None = None
    phones: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, manifest: Mapping[str, str | Sequence[str] | None]) -> Contact:
        """As `json.loads` gives the manifest's column."""
        email = manifest["email"]
        return cls(str(email) if email else None, tuple(manifest["phones"] or ()), tuple(manifest["names"] or ()))

    @property
    def types(self) -> dict[str, str]:
        """The ledger's types of what is made, by column."""
        return {name: "VARCHAR" if name == "email_domain" else "BOOLEAN" for name in self.made}

    @property
    def made(self) -> dict[str, str]:
        """SQL for each column that can be made of what the source gives."""
        made = {}
        if self.email:
            email = _text(self.email)
            is_well_formed = f"regexp_full_match({email}, {literal(WELL_FORMED)})"
            made["has_email"] = f"{email} is not null"
            made["is_email_well_formed"] = is_well_formed
            made["email_domain"] = f"case when {is_well_formed} then {_company_domain(email, self.names)} end"
        if self.phones:
            made["has_phone"] = f"coalesce({', '.join(map(_text, self.phones))}) is not null"
        return made


def _text(column: str) -> str:
    """SQL for a landed column as text; blank is missing."""
    return f"nullif(trim(cast({quoted(column)} as varchar)), '')"


def _company_domain(email: str, names: Sequence[str]) -> str:
    """SQL for the domain of an address, unless it is free mail, or the person's own.

    Own is what ends in `.name`, or holds the first or last word of the name (a short word: begins with it). A company
    that is called like the person loses its domain here: a person's own must never be kept. The list of one struct is
    there to compute each of its fields once: without it, this takes four times as long.
    """
    fields = {"domain": f"lower(split_part({email}, '@', 2))"}
    hidden = [f"regexp_full_match(of.domain, {literal(FREE_MAIL)})", "ends_with(of.domain, '.name')"]
    for name in names:
        for position in (1, -1):
            word = f"word_{len(fields)}"
            fields[word] = f"split_part(lower(strip_accents({_text(name)})), ' ', {position})"
            hidden += [
                f"length(of.{word}) > 3 and contains(of.domain, of.{word})",
                f"starts_with(of.domain, of.{word} || '.')",
            ]
    struct = ", ".join(f"'{field}': {value}" for field, value in fields.items())
    company = f"case when not coalesce({' or '.join(hidden)}, false) then of.domain end"
    return f"list_transform([{{{struct}}}], lambda of: {company})[1]"
