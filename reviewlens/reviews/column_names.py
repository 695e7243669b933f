"""The names that columns of review files usually have, by role."""

from __future__ import annotations

import re
import unicodedata

from reviewlens.contracts.roles import Role

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")

# Complete names, best first: if several columns have such a name, the earlier name wins.
_EXACT: dict[Role, str] = {
    Role.TEXT: """
        review text | reviews text | text review | full review | review body | review content | verified reviews |
        overall text | text | reviews | review | body | content | customer review | customer reviews | user review |
        user reviews | review comment | review comments | comment | comments | comment text | full text | review
        full | review detail | review details | review message | opinion | verbatim | feedback text | customer
        feedback | user feedback | feedback | review description | tweet text | tweet | sentence | message | remarks
        | remark | response | answer | description | reviewtext | reviewbody | kommentar | rezension |
        bewertungstext | rezensionstext | commentaire | avis | texte | comentario | comentarios | resena | opinione
        | recensione | testo | texto | tekst | recensie | opinia | recenzja | отзыв | отзывы | комментарий | текст |
        レビュー | 口コミ | 评论 | 評論 | 리뷰
    """,
    Role.TITLE: """
        review title | reviews title | title | review summary | review headline | summary | headline | subject |
        review heading | heading | review subject | short review | review header | reviewtitle | titel | titre |
        titulo | titolo | betreff | uberschrift
    """,
    Role.RATING: """
        rating | ratings | star rating | review rating | reviews rating | overall rating | stars | review stars |
        user rating | customer rating | reviewer rating | score | review score | overall | overall score | product
        rating | rating score | rate | star | grade | overall satisfaction | customer satisfaction | satisfaction |
        csat | nps | nps score | bewertung | sterne | note | puntuacion | calificacion | valoracion | valutazione |
        voto | nota | cijfer | ocena | оценка | рейтинг | 評価 | 评分 | 평점
    """,
    Role.DATE: """
        review date | reviews date | date of review | reviewed at | reviewed on | review time | review timestamp |
        date | datetime | unix review time | timestamp | time | created at | date created | created | created on |
        created date | creation date | posted at | posted on | date posted | posted | post date | submitted at |
        submission date | date submitted | submitted | published at | published | publish date | publication date |
        date added | date time | at | day | month | datum | fecha | bewertungsdatum | data |
        дата | 日付 | 日期 | quarter | review quarter |
        review year | year
    """,
    Role.PRODUCT: """
        product name | product title | product | item name | item | item title | product asin | asin | parent asin |
        product id | product code | sku | item id | model | product model | model name | app name | app |
        variation | variant | business name | business | hotel name | hotel | restaurant name | restaurant | place
        name | place | location name | company | company name | software | tool | system | movie title | movie |
        book title | book | game | course | course name | service | brand name | brand | name | produkt |
        produktname | produit | nom du produit | producto | prodotto | artikel |
        товар | продукт | 商品 | 商品名 | 产品 | 상품
    """,
}
# Single words that indicate a role, and words that speak against it, in names that are not listed above.
_HINTS: dict[Role, str] = {
    Role.TEXT: """
        text body content comment comments review reviews verbatim feedback opinion remarks kommentar
    """,
    Role.TITLE: """
        title summary headline heading subject titel
    """,
    Role.RATING: """
        rating ratings rated stars score satisfaction satisfied bewertung zufriedenheit zufrieden satisfait
        satisfaccion satisfecho
    """,
    Role.DATE: """
        date time timestamp datetime created posted published submitted datum
    """,
    Role.PRODUCT: """
        product item sku asin model article variation variant configuration system software app
    """,
}
_AGAINST: dict[Role, str] = {
    Role.TEXT: """
        title summary headline date time id ids url link page color colour size count number num user author name
        reviewer rating ratings score stars helpful useful votes verified location country language type status
        source pros cons configuration declaration product image images category device version reply owner seller
        vendor company recommend recommended
    """,
    Role.TITLE: """
        job product item movie book page url id user book
    """,
    Role.RATING: """
        count counts number num votes total average avg mean helpful sentiment id url date text title likelihood
        numerator denominator
    """,
    Role.DATE: """
        release released birth birthday birthdate dob born geburtsdatum geburtstag naissance nacimiento nascita
        member joined join joining registered registration signup signed enrolled hired expiry expires expiration
        updated modified reply response purchase order text title url zone first last count
    """,
    Role.PRODUCT: """
        url link image price rating ratings description count version user reviewer review reviews date category
        review release support quality overall satisfaction
    """,
}


def _names(listed: str) -> list[str]:
    return [" ".join(name.split()) for name in listed.split("|")]


_WEAK_PRODUCT = _names(
    """
    class name | class | category name | category | product category | product type | store | branch | clothing id |
    article id | listing id | business id | hotel id | restaurant id | place id
    """
)
# Who wrote the review, with what, and where from: never what was reviewed.
_OF_CUSTOMER = """
    device devices os operating browser platform country countries region state city version department departments
    dept division team language locale gender sex age plan tier subscription channel source nationality segment
"""
_OTHER_NAMES = frozenset(
    _names(
        """
        id | user id | username | user name | author | reviewer | label | sentiment | url | age | country | device |
        department name | department | division name | division | style | color | colour | location | city | type
        """
    )
)


def plain_name(header: str) -> str:
    """Return a header as separate lower-case words: 'reviewText' and 'Review_Text' become 'review text'."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", header) if not unicodedata.combining(c))
    return " ".join(part.lower() for part in _PARTS.findall(letters))


_OTHER_DATES = """
    release released birth birthday birthdate dob born geburtsdatum geburtstag naissance nacimiento nascita member
    joined join joining registered registration signup signed enrolled hired expiry expires expiration
"""
_RECOMMENDING = """
    recommend recommends recommended recommendation recommendations recommending recommande recommandation recomienda
    recomendaria recomendacion empfehlen empfehlung weiterempfehlen weiterempfehlung
"""
_NO_PRODUCT = frozenset(_OF_CUSTOMER.split())
_NOT_OF_REVIEW = frozenset(_OTHER_DATES.split())
_RECOMMENDS = frozenset(_RECOMMENDING.split())
_RANKS: dict[Role, dict[str, int]] = {
    role: {name: rank for rank, name in enumerate(_names(names))} for role, names in _EXACT.items()
}
_HINT_SETS = {role: frozenset(words.split()) for role, words in _HINTS.items()}
_AGAINST_SETS = {role: frozenset(words.split()) for role, words in _AGAINST.items()}


def name_score(role: Role, header: str) -> float:
    """Rate how well a header names a role: 2.5 to 3.5 for a listed name, 1.5 for a hint, negative if it contradicts."""
    name = plain_name(header)
    ranks = _RANKS[role]
    if name in ranks:
        return 3.5 - ranks[name] / len(ranks)
    words = set(name.split())
    if role is Role.PRODUCT and words & _NO_PRODUCT:
        return -2.0
    if role is Role.PRODUCT and name in _WEAK_PRODUCT:
        return 1.0 - _WEAK_PRODUCT.index(name) / 100
    hinted, against = words & _HINT_SETS.get(role, frozenset()), words & _AGAINST_SETS.get(role, frozenset())
    if hinted:
        return 0.3 if against else 1.5
    return -2.0 if against else 0.0


def dates_something_else(header: str) -> bool:
    """Whether a header names a date that is not the review's: a birthday, a sign-up, an expiry, a release."""
    return bool(_NOT_OF_REVIEW & set(plain_name(header).split()))


def asks_for_recommendation(header: str) -> bool:
    """Whether a header asks if, or how likely, the customer recommends the product."""
    return bool(_RECOMMENDS & set(plain_name(header).split()))


def known_name(header: str) -> bool:
    """Whether a cell is a usual column name, which means that its line is a header."""
    name = plain_name(header)
    return any(name in ranks for ranks in _RANKS.values()) or name in _WEAK_PRODUCT or name in _OTHER_NAMES
