"""Words from which the company's people, accounts and campaigns get their names. Invented, and `.example` only."""

from random import Random


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words(
    "Ada Amir Ana Anders Aisha Ben Bianca Carlos Chloe Daan Dana Diego Elena Emil Eva Farid Fiona Grace Hana "
    "Hugo Imani Ines Ivan Jonas Joy Kenji Lara Leo Lina Luca Mara Mateo Mei Milo Mina Nadia Nia Noah Nora "
    "Omar Oscar Pia Priya Quinn Rafael Rosa Ruben Ruth Sam Sara Sofia Sven Tara Theo Uma Vera Viktor Wen Yara Zoe"
)
_LAST = _words(
    "Abara Adler Almeida Bauer Becker Bianchi Bjork Carter Castillo Chen Costa Dahl Diaz Dubois Egan Farah "
    "Fischer Fontaine Garcia Greene Haas Hansen Hayes Ito Ivanova Jansen Kaya Keller Khan Kim Kovac Laurent "
    "Lindqvist Lopez Marino Meyer Moreau Murphy Nakamura Novak Okafor Olsen Park Patel Pereira Quist Reyes "
    "Rossi Sato Schmidt Silva Singh Svensson Tanaka Torres Ueda Varga Weber Wong Yilmaz Young Zeller"
)
_PLACE = _words(
    "Alder Amber Arbor Aspen Atlas Beacon Birch Blue Boreal Bright Cedar Cinder Clear Cobalt Copper Coral Crest "
    "Delta Drift Ember Fern Flint Forge Glacier Granite Harbor Haven Hazel Highland Horizon Iron Ivory Juniper "
    "Keystone Lark Linden Lumen Maple Meridian Mesa Mill Nimbus North Oak Onyx Orchard Otter Pebble Pine Pioneer "
    "Prairie Quarry Raven Ridge River Sable Sage Salt Sierra Silver Slate Solar Spruce Stone Summit Tern Thistle "
    "Timber Tundra Vale Vector Verdant Vista Willow Wren Zenith"
)
_TRADE = {
    "Software": ("Systems", "Software", "Analytics", "Cloud"),
    "Manufacturing": ("Manufacturing", "Works", "Industries", "Components"),
    "Healthcare": ("Health", "Care", "Diagnostics", "Clinics"),
    "Financial Services": ("Capital", "Bank", "Insurance", "Partners"),
    "Retail": ("Stores", "Retail", "Goods", "Market"),
    "Logistics": ("Logistics", "Freight", "Shipping", "Transport"),
    "Media": ("Media", "Studios", "Press", "Networks"),
    "Public Sector": ("County", "School District", "City Council", "University"),
}
PRIVATE_INDUSTRIES = tuple(industry for industry in _TRADE if industry != "Public Sector")
TITLES = (
    "VP Operations",
    "Head of IT",
    "Procurement Manager",
    "CFO",
    "Operations Analyst",
    "IT Director",
    "Data Lead",
    "COO",
    "Finance Manager",
    "Program Manager",
)
CAMPAIGN_THEMES = (
    "Operations Playbook",
    "Forecast Masterclass",
    "Month-End in a Day",
    "Data You Can Defend",
    "Peer Roundtable",
    "Benchmark Report",
    "Product Tour",
    "Industry Summit",
)


def person_name(chance: Random) -> str:
    """First and last name."""
    return f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"


def account_name(industry: str, chance: Random) -> str:
    """A company's name that fits its industry."""
    place = chance.choice(_PLACE)
    if chance.random() < 0.6:
        place += chance.choice(_PLACE).lower()
    return f"{place} {chance.choice(_TRADE[industry])}"


def slug(name: str) -> str:
    """A name as part of a domain or mailbox."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
