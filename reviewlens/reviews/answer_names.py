"""The names that columns of answers have in a file with several review texts: questions, pros and cons, comments."""

from __future__ import annotations

from enum import Enum

from reviewlens.contracts.roles import Role
from reviewlens.reviews.column_names import name_score, plain_name


class AnswerKind(Enum):
    """What a name says about the texts of its column."""

    SIDE = "side"  # pros, cons, positive_review
    OPINION = "opinion"  # What did you like?
    QUESTION = "question"  # any other question
    COMMENT = "comment"  # Service comments, benefitsReview


_SIDES = """
    pros cons love hate dislike advantages disadvantages strengths weaknesses likes dislikes liked disliked positives
    negatives upsides downsides advice vorteile nachteile avantages inconvenients ventajas desventajas vantaggi
    svantaggi vantagens desvantagens voordelen nadelen zalety wady plusy minusy достоинства недостатки плюсы минусы
    良い点 悪い点 优点 缺点
"""
_POLES = "positive negative positiv negativ positivo negativo positif negatif good bad liked disliked"
_OF_A_POLE = "review reviews comment comments text feedback aspects points remarks opinion side bewertung kommentar"
_ASKING = """
    what how why which who please tell describe explain share anything was wie warum welche que qué quoi pourquoi
    porque cosa perche waarom wat co dlaczego
"""
_OPENS_COMMENTS = "any other additional further general overall weitere autres otros altri overige inne"
_OPINION = """
    like liked love loved enjoy enjoyed dislike disliked hate hated appreciate improve improved improvement
    improvements improving better best worst good bad change changed missing lacking add comment comments feedback
    suggest suggestion suggestions recommendations think thoughts feel feelings experience opinion opinions reason
    reasons why describe tell share explain elaborate prefer wish else impressed disappointed frustrated frustrating
    problem problems issues
    well wrong
    gefallen gefallt gefiel verbessern verbessert verbesserung besser warum anmerkungen anregungen kommentar kommentare
    sonst
    gusto gusta gustado mejorar mejor comentario comentarios sugerencias sugerencia opinion
    plu aime ameliorer ameliore commentaire commentaires pourquoi remarques
    piaciuto migliorare commenti perche suggerimenti
    gostou melhorar sugestoes porque
    beter verbeteren opmerkingen waarom
    podoba podobalo poprawic uwagi dlaczego
    понравилось улучшить комментарии почему
"""
_COMMENTS = """
    comment comments feedback remark remarks suggestion suggestions improvement improvements verbatim verbatims
    kommentar kommentare anmerkung anmerkungen anregungen commentaire commentaires remarques comentario comentarios
    sugerencias commenti suggerimenti opmerkingen uwagi комментарий комментарии
"""
# What a column with such a name holds is written by somebody else, or made from another column.
_COPIES = """
    translated translation translations clean cleaned cleaning cleansed processed preprocessed normalized
    normalised lemmatized lemmatised lemmas stemmed tokens tokenized tokenised stopwords stop short shortened truncated
    trimmed snippet excerpt preview summary summarized summarised raw lower lowercase masked anonymized anonymised
    original english german french spanish italian portuguese dutch polish russian
"""
_LANGUAGE_CODES = "en de fr es it pt nl pl ru ja zh"
_OTHERS = """
    reply replies response responses responded seller owner vendor merchant developer moderator editor editorial agent
    manager admin antwort respuesta reponse risposta title headline subject name email mail address url link id ids tag
    tags keyword keywords label labels sentiment topic topics category count counts date time user username author
"""
_CLOSED = (
    "how often",
    "how long",
    "how many",
    "how much",
    "how old",
    "how likely",
    "how satisfied",
    "how did you hear",
    "how did you find",
    "what is your name",
    "what is your age",
    "what is your gender",
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SIDE_WORDS, _POLE_WORDS, _POLE_NOUNS = _set(_SIDES), _set(_POLES), _set(_OF_A_POLE)
_ASKING_WORDS, _OPENING_WORDS, _OPINION_WORDS = _set(_ASKING), _set(_OPENS_COMMENTS), _set(_OPINION)
_COMMENT_WORDS, _COPY_WORDS, _OTHER_WORDS = _set(_COMMENTS), _set(_COPIES), _set(_OTHERS)
_CODES = _set(_LANGUAGE_CODES)


def answer_kind(header: str) -> AnswerKind | None:
    """What a header says about the texts below it; None if it does not promise answers in a customer's own words."""
    name = plain_name(header)
    listed = name.split()
    words = set(listed)
    asks = header.strip().endswith(("?", "？", "؟"))
    if not words or (not asks and (words & (_COPY_WORDS | _OTHER_WORDS) or (len(words) < 4 and listed[-1] in _CODES))):
        return None
    if asks or listed[0] in _ASKING_WORDS:
        if name.startswith(_CLOSED):
            return None
        if words & _OPINION_WORDS:
            return AnswerKind.OPINION
        return AnswerKind.QUESTION if asks and name_score(Role.TEXT, header) >= 0 else None
    if words & _SIDE_WORDS or (words & _POLE_WORDS and (words & _POLE_NOUNS or len(words) == 1)):
        return AnswerKind.SIDE
    if words & _COMMENT_WORDS:
        return AnswerKind.OPINION if words & _OPENING_WORDS else AnswerKind.COMMENT
    about_a_part = words & {"review", "reviews"} and name_score(Role.TEXT, header) == 1.5  # no usual name of the text
    return AnswerKind.COMMENT if about_a_part else None
