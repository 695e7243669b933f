"""The sixty-four texts whose scores are in every bundle, for engines to check their arithmetic with."""

from __future__ import annotations

_OPINIONS = (
    "I love this {thing}, it does everything I hoped for.",
    "The {thing} broke after two days and nobody answers my mails.",
    "Not bad at all for the price, would buy the {thing} again.",
    "Waste of money. The {thing} never worked.",
    "The {thing} is fine, though it came a day late.",
    "Best {thing} I have ever owned, my whole family uses it!",
    "I wanted to like the {thing}, but it is far too loud.",
    "Sent the {thing} back. Cheap material, sharp edges, bad smell.",
)
_THINGS = ("kettle", "phone", "pair of shoes", "blender", "novel", "lamp", "app")
_OTHERS = (
    "ok",
    "Super product smiling face",
    "worst purchase ever!!! sad face",
    "Good good good nice battery",
    "Camera 5/5, battery 2/5, sound 4/5. Hmm.",
    "Battery lasts for two days and the screen is bright, yet the maker stopped sending updates after six months, "
    "which is why "
    "I would not call it a good buy today.",
    " ".join(["It works well, it looks good and it was easy to set up, so I am happy with it."] * 12),
    " ".join(
        ["I called them twice and they promised a new one, which never came. Very disappointed with this shop."] * 20
    ),
)

KNOWN_TEXTS: tuple[str, ...] = (
    *(opinion.format(thing=thing) for opinion in _OPINIONS for thing in _THINGS),
    *_OTHERS,
)
