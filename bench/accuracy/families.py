"""The families of mail domains that the population of the accuracy bench is made of, one row each.

A family is one way in which domains answer; its share is in per cent of the addresses (weights: they
are scaled to 100 together). Sources are sections of the collection of published behaviours that
doc/ACCURACY.md names; where it says "shares", somebody's guess is meant, not a census.

`text` is a piece of a scenario (doc/LAB.md), written once for every domain of the family, or once
for all when `shared`: $D is the domain, $N a label of its own, $IP the next free address, $BOXES the
mailbox lines. A kind of address (population.KINDS) decides its mailbox line and its truth.

told: what a polite stranger is told by RCPT.  now: the truth, at the first visit.  later: the truth,
to those who come back.  never: nothing that the truth follows from.
"""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    name: str
    title: str
    share: float
    told: str
    text: str
    kinds: dict
    size: int = 6           # addresses a domain
    names: tuple = ()       # the domains' own names, instead of made-up ones
    shared: bool = False    # one server for all domains
    local: str = "company"  # how local parts are made (population.LOCALS)
    tags: tuple = field(default=())


def own(*behaviours, like="postfix"):
    """A domain with a mail server of its own."""
    lines = ["domain $D", "  mx 10 mx.$D", "server mx.$D $IP", f"  like {like}", "$BOXES"]
    return "\n".join(lines + [f"  behave {b}" for b in behaviours]) + "\n"


def behind(host, *behaviours, like):
    """A domain whose mail goes to an operator's host."""
    lines = ["domain $D", f"  mx 10 {host}", f"server {host} $IP", f"  like {like}", "$BOXES"]
    return "\n".join(lines + [f"  behave {b}" for b in behaviours]) + "\n"


STAFF = {"live": 80, "gone": 20}
ANY = {"live": 70, "gone": 30}
CONSUMER = {"live": 78, "gone": 17, "disabled": 3, "full": 2}

FAMILIES = (
    # --- the large operators -------------------------------------------------------------------
    Family("gmail", "Gmail", 14, "now", """\
domain $D
  mx 5 gmail-smtp-in.l.google.com
server gmail-smtp-in.l.google.com $IP
  like google
$BOXES
  behave one-domain
""", {"live": 80, "gone": 13, "disabled": 3, "full": 3, "throttled": 1}, names=("gmail.com",), shared=True, local="gmail"),
    Family("workspace", "Google Workspace", 9, "now", """\
domain $D
  mx 1 aspmx.l.google.com
server aspmx.l.google.com $IP
  like google
$BOXES
  behave one-domain
""", {"live": 82, "gone": 14, "restricted": 2, "disabled": 2}, size=8, shared=True),
    Family("workspace-catch-all", "Google Workspace, catch-all", 1, "never", """\
domain $D
  mx 1 aspmx2.googlemail.com
server aspmx2.googlemail.com $IP
  like google
$BOXES
  behave accept-all
""", {"live": 70, "caught": 30}, shared=True),
    Family("outlook", "Outlook.com", 6, "now",
           behind("$N.olc.protection.outlook.com", "refuse-null 550 5.7.1 Service unavailable, null sender is not accepted here",
                  "rcpts-per-session 1 452 4.5.3 Too many recipients", like="outlook"),
           {"live": 79, "gone": 18, "full": 3}, names=("outlook.com", "hotmail.com", "live.com"), local="consumer"),
    Family("microsoft365", "Microsoft 365", 12, "now", behind("$N.mail.protection.outlook.com", like="microsoft365"),
           {"live": 80, "gone": 15, "restricted": 4, "throttled": 1}, size=9),
    Family("microsoft365-relay", "Microsoft 365, hybrid", 4, "never",
           behind("$N.mail.protection.outlook.com", "accept-all", like="microsoft365"), {"live": 75, "gone": 25}, size=8),
    Family("yahoo", "Yahoo and AOL", 7, "never", behind("mta-$N.am0.yahoodns.net", "accept-all", like="yahoo"),
           {"live": 75, "gone": 25}, names=("yahoo.com", "aol.com", "ymail.com"), local="consumer"),
    Family("apple", "iCloud", 2, "now", behind("mx-$N.mail.icloud.com", like="apple"), CONSUMER, names=("icloud.com", "me.com"),
           local="apple"),
    Family("gmx", "GMX, web.de", 2, "now", behind("mx-$N.emig.gmx.net", like="gmx"), {"live": 78, "gone": 17, "full": 5},
           names=("gmx.de", "web.de", "gmx.net"), local="consumer"),
    Family("yandex", "Yandex, Mail.ru", 1, "now", behind("mx-$N.yandex.ru", like="yandex"), CONSUMER, names=("yandex.ru",),
           local="consumer"),
    Family("netease", "NetEase, QQ", 0.6, "now",
           behind("$N.mxmail.netease.com", "refuse-null 553 Requested action not taken: NULL sender is not allowed", like="netease"),
           {"live": 75, "gone": 20, "disabled": 5}, names=("163.com", "126.com"), local="netease"),
    Family("orange", "Orange", 0.8, "now", behind("smtp-in.orange.fr", like="orange"), CONSUMER, names=("orange.fr",), local="consumer"),
    # --- gateways and hosters ------------------------------------------------------------------
    Family("proofpoint", "Proofpoint", 2, "now", behind("mx0a-$N.pphosted.com", like="proofpoint"), STAFF),
    Family("mimecast", "Mimecast", 2, "later",
           behind("$N-inbound-1.mimecast.com", "greylist-known 60s 451 Internal resource temporarily unavailable - "
                  "https://community.mimecast.com/docs/DOC-1369#451 [Xq3]", like="mimecast"), STAFF),
    Family("barracuda", "Barracuda", 1.5, "now", behind("$N.ess.barracudanetworks.com", like="barracuda"), STAFF),
    Family("cisco", "Cisco (harvest counter)", 1, "now", behind("mx1.$N.iphmx.com", "harvest-accept 5 1h", like="cisco"), STAFF),
    Family("zoho", "Zoho", 1.5, "now", behind("mx-$N.zoho.com", like="zoho"), STAFF),
    Family("rackspace", "Rackspace", 1, "now", behind("mx-$N.emailsrvr.com", like="rackspace"), STAFF),
    Family("godaddy", "GoDaddy", 1.5, "now", behind("smtp-$N.secureserver.net", like="godaddy"), STAFF),
    Family("spamexperts", "SpamExperts, slow at RCPT", 0.4, "now",
           behind("mx-$N.antispamcloud.com", "delay rcpt 12s", like="exim"), STAFF, size=3),
    # --- servers of one's own ------------------------------------------------------------------
    Family("postfix", "Postfix", 7, "now", own(), {"live": 72, "gone": 18, "full": 4, "disabled": 4, "moved": 1, "forwards": 1}),
    Family("exim", "Exim (cPanel)", 5, "now", own(like="exim"), {"live": 72, "gone": 22, "full": 6}),
    Family("exchange", "Exchange with recipient filter", 1.5, "now", own(like="exchange"), STAFF),
    Family("exchange-open", "Exchange without recipient filter", 1, "never", own("accept-all", like="exchange"), ANY),
    Family("sendmail", "sendmail", 0.7, "now", own(like="sendmail"), STAFF),
    Family("qmail", "qmail (knows domains only)", 0.7, "never", own("accept-all", like="qmail"), ANY),
    Family("stalwart", "Stalwart", 0.4, "now", own(like="stalwart"), STAFF),
    Family("catch-all", "catch-all domains", 3, "never", own("accept-all", like="exim"), {"live": 60, "caught": 40}),
    # --- words: what the reply rules know, and what they do not ----------------------------------
    Family("own-words", "administrators' own words (held out)", 4, "now", own(),
           {"live": 55, "gone_words": 31, "disabled_words": 7, "full_words": 7}, size=5, tags=("held out",)),
    Family("corpus-words", "published replies (known to the rules)", 2, "now", own(),
           {"live": 55, "gone_corpus": 35, "disabled_corpus": 5, "full_corpus": 5}, size=5),
    Family("traps", "replies that mislead", 1.2, "never", own(), {"live": 25, "trap": 75}, size=5),
    Family("soft-no", "4xx that means no", 0.6, "later", own(), {"live": 70, "gone_soft": 30}),
    # --- not now -------------------------------------------------------------------------------
    Family("greylist", "greylisting, 5 min", 2, "later", own("greylist 5m"), STAFF),
    Family("greylist-known", "greylisting of known recipients", 1, "later", own("greylist-known 5m"), STAFF),
    Family("greylist-long", "greylisting, 1 h", 0.7, "later", own("greylist 1h"), STAFF),
    Family("postscreen", "postscreen", 0.8, "later", own("postscreen"), STAFF),
    Family("temporary", "temporary failure for everybody", 1, "never", own("refuse rcpt 451 4.3.0 <%r>: Temporary lookup failure"), ANY),
    Family("rate-recipients", "so many recipients a minute", 0.6, "later", own("rate-rcpts 4 1m"), STAFF, size=8),
    Family("rate-connections", "so many connections a minute", 0.6, "later", own("rate-connections 3 1m"), STAFF, size=8),
    Family("one-connection", "one connection at a time", 0.5, "now", own("max-connections 1"), STAFF, size=8),
    Family("few-recipients", "two recipients a session", 0.5, "now", own("rcpts-per-session 2"), STAFF, size=8),
    Family("harvest", "refuses all after 5 unknown", 0.6, "later",
           own("harvest 5 1h 550 5.7.1 Too many invalid recipients from [%i]"), {"live": 60, "gone": 40}, size=10),
    # --- not you -------------------------------------------------------------------------------
    Family("blocked-connect", "refuses us at connect", 1, "never", own("block connect"), ANY),
    Family("blocked-helo", "refuses us at HELO", 0.4, "never",
           own("refuse helo 550 5.7.1 Helo command rejected: we do not like %c"), ANY),
    Family("blocked-mail", "refuses us at MAIL", 0.6, "never", own("block mail"), ANY),
    Family("blocked-rcpt", "refuses us at RCPT, documented words", 1, "never",
           own("refuse-all 554 5.7.1 Service unavailable; Client host [%i] blocked using zen.spamhaus.org"), ANY),
    Family("blocked-words", "refuses us at RCPT, held-out words", 1.5, "never", own("refuse-all $WORDS:blocked"), ANY, size=4,
           tags=("held out",)),
    Family("blocked-silent", "refuses all, words that say nothing", 0.6, "never", own("refuse-all $WORDS:policy"), ANY, size=4,
           tags=("held out",)),
    Family("blocked-4xx", "puts us off for good", 0.5, "never",
           own("refuse rcpt 450 4.7.1 Client host [%i] is temporarily blocked, reputation"), ANY),
    Family("liar", "blocks us with \"user unknown\"", 0.2, "never", own("refuse-all 550 5.1.1 <%r>: User unknown"), ANY, size=4),
    # --- awkward -------------------------------------------------------------------------------
    Family("tls-only", "TLS only", 1, "now", own("tls-only"), STAFF),
    Family("old", "HELO only, bare LF", 0.3, "now", own("no-ehlo", "bare-lf", like="sendmail"), STAFF),
    Family("tls-broken", "STARTTLS that breaks", 0.4, "now", own("starttls-broken"), STAFF),
    Family("slow-banner", "greets after 8 s", 0.5, "now", own("slow-banner 8s"), STAFF, size=4),
    Family("tarpit", "tarpit, 3 s a command", 0.5, "now", own("tarpit 3s"), STAFF, size=4),
    Family("mute", "silent at RCPT", 0.3, "never", own("silent rcpt"), ANY, size=3),
    Family("dropper", "drops the connection at RCPT", 0.4, "never", own("drop rcpt"), ANY, size=4),
    Family("backup", "first MX is down", 1, "now", """\
domain $D
  mx 10 mx1.$D
  mx 20 mx2.$D
server mx1.$D $IP
  behave down
server mx2.$D $IP
  like postfix
$BOXES
""", STAFF),
    Family("backup-busy", "first MX says 421", 0.5, "now", """\
domain $D
  mx 10 mx1.$D
  mx 20 mx2.$D
server mx1.$D $IP
  behave refuse connect 421 4.3.2 %h Service shutting down and closing transmission channel
server mx2.$D $IP
  like postfix
$BOXES
""", STAFF),
    Family("dead", "no MX can be reached", 0.8, "never", own("down"), {"dead": 100}, size=4),
    Family("dead-slow", "no MX says a word", 0.3, "never", own("blackhole"), {"dead": 100}, size=3),
    Family("relay-denied", "MX that do not serve the domain", 0.7, "now", own("relay-denied"), {"dead": 100}, size=3),
    # --- what DNS tells ------------------------------------------------------------------------
    Family("implicit", "no MX, an A record", 0.6, "now", "server $D $IP\n  like postfix\n$BOXES\n", STAFF),
    Family("nxdomain", "domain that does not exist", 2, "now", "", {"dead": 100}, size=1),
    Family("no-host", "neither MX nor A", 0.7, "now", "domain $D\n  txt \"v=spf1 -all\"\n", {"dead": 100}, size=2),
    Family("null-mx", "null MX", 0.6, "now", "domain $D\n  mx null\n", {"dead": 100}, size=2),
    Family("unroutable", "MX at private addresses", 0.4, "now",
           "domain $D\n  mx 10 mail.$D\ndomain mail.$D\n  a 10.1.2.3\n", {"dead": 100}, size=2),
    Family("servfail", "DNS that fails", 0.5, "never", "domain $D\n  fault servfail\n", {"live": 70, "dead": 30}, size=3),
    Family("dns-silent", "DNS that is silent", 0.2, "never", "domain $D\n  fault timeout\n", {"live": 70, "dead": 30}, size=3),
    # --- what lists and grammar tell -----------------------------------------------------------
    Family("typo", "mistyped, no such domain", 0.8, "now", "", {"dead": 100}, size=2, names=(
        "gmial.com", "gmaill.com", "hotmial.com", "yahooo.com", "outlok.com", "gmail.con"), local="consumer"),
    Family("squatter", "mistyped, and somebody waits there", 0.4, "now", own("accept-all"), {"unwise": 100}, size=3, names=(
        "gmai.com", "hotmal.com", "yaho.com", "gnail.com"), local="consumer"),
    Family("disposable", "throwaway domains", 1.5, "now", own("accept-all"), {"unwise": 100}, size=6, names=(
        "mailinator.com", "yopmail.com", "guerrillamail.com", "10minutemail.com", "trashmail.com", "temp-mail.org",
        "maildrop.cc", "getnada.com"), local="consumer"),
    Family("syntax", "no address at all", 1.2, "now", "", {"broken": 100}, size=3),
    Family("provider-syntax", "impossible at Gmail", 0.4, "now", "", {"dead": 100}, names=("gmail.com",), local="impossible"),
)
