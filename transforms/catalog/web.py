"""Web and network: IP addresses, web addresses, e-mail, browsers; codes and markup of the web taken out of text."""

from __future__ import annotations

import base64
import binascii
import html
import ipaddress
import json
import re
from html.parser import HTMLParser
from typing import ClassVar, Literal
from urllib import parse

import ibis
import phonenumbers

from transforms.catalog.common import TextCall
from transforms.catalog.pieces import Parts
from transforms.catalog.text import NewTextCall
from transforms.errors import ParamError
from transforms.fields import Columns, NewColumn, NumberColumn, param
from transforms.functions import row_function
from transforms.transform import Example, Transform, register


def ip_address_of(text):
    """Return an address object, or None for text that is no IP address."""
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


@row_function("int64", "string")
def ipv4_number(text):
    found = ip_address_of(text)
    return int(found) if found is not None and found.version == 4 else None


@row_function("string", "int64")
def ipv4_text(number):
    return str(ipaddress.IPv4Address(int(number))) if 0 <= number < 2**32 else None


@register
class IPToNumber(NewTextCall):
    """Turn an IPv4 address into a whole number (10.0.0.1 is 167772161); other text gives missing."""

    name: ClassVar = "web.ip_to_number"
    label: ClassVar = "IP address to number"
    covers: ClassVar = ("ip_to_int",)
    words: ClassVar = ("IP_TO_INT", "ipv4", "inet_aton")
    function: ClassVar = ipv4_number
    examples: ClassVar = (
        Example({"column": "t", "to": "n"}, before={"t": ["10.0.0.1", "256.1.1.1", "::1", None]}, after={"t": ["10.0.0.1", "256.1.1.1", "::1", None], "n": [167772161, None, None, None]}),
    )  # fmt: skip


@register
class NumberToIP(Transform):
    """Turn a whole number into an IPv4 address; numbers out of range give missing, fractions are cut off."""

    name: ClassVar = "web.number_to_ip"
    label: ClassVar = "Number to IP address"
    covers: ClassVar = ("int_to_ip",)
    words: ClassVar = ("INT_TO_IP", "ipv4", "inet_ntoa")
    pandas_helpers: ClassVar = ipv4_text.helpers
    examples: ClassVar = (
        Example({"column": "n", "to": "t"}, before={"n": [167772161, -1, None]}, after={"n": [167772161, -1, None], "t": ["10.0.0.1", None, None]}),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = table[self.column]
        whole = x if x.type().is_integer() else ((x >= 0) & (x < 1e10)).ifelse(x.floor(), ibis.null("float64"))
        return table.mutate(ipv4_text(whole.cast("int64")).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {ipv4_text.pandas(f'{df}[{self.column!r}]')}"]


@row_function("boolean", "string")
def ip_is(text, *, test, networks):
    found = ip_address_of(text)
    if found is None:
        return None
    if test == "is in a network":
        return any(found in ipaddress.ip_network(n, strict=False) for n in networks)
    if test == "is IPv6":
        return found.version == 6
    return found.is_loopback if test == "is this computer" else found.is_private


@register
class TestIP(NewTextCall):
    """Tell whether an IP address (4 or 6) lies in a network, is private or this computer; other text gives missing.

    Private is what Python's `ipaddress` calls private (RFC 1918, link-local, loopback and other reserved blocks).
    """

    name: ClassVar = "web.test_ip"
    label: ClassVar = "Test an IP address"
    covers: ClassVar = ("ip_in_subnet", "ip_is_private")
    words: ClassVar = ("cidr", "subnet", "intranet", "ipv6")
    function: ClassVar = ip_is
    examples: ClassVar = (
        Example({"column": "t", "to": "r"}, before={"t": ["192.168.1.9", "8.8.8.8", "?", None]}, after={"t": ["192.168.1.9", "8.8.8.8", "?", None], "r": [True, False, None, None]}),
        Example({"column": "t", "to": "r", "test": "is in a network", "networks": ["10.0.0.0/8", "2001:db8::/32"]}, before={"t": ["10.9.8.7", "11.0.0.1", "2001:db8::1"]}, after={"t": ["10.9.8.7", "11.0.0.1", "2001:db8::1"], "r": [True, False, True]}),
    )  # fmt: skip

    test: Literal["is private", "is in a network", "is this computer", "is IPv6"] = param("Test", default="is private")
    networks: tuple[str, ...] = param("Networks", default=(), help="Such as 10.0.0.0/8.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.test == "is in a network" and not self.networks:
            raise ParamError("give a network such as 10.0.0.0/8.")
        for network in self.networks:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as error:
                raise ParamError(f"{network!r} is not a network such as 10.0.0.0/8.") from error

    def constants(self):
        return {"test": self.test, "networks": list(self.networks)}


# Second-level names under which anybody can register: the frequent ones, not the whole Public Suffix List.
TWO_PART_SUFFIXES = {
    f"{second}.{top}"
    for top, seconds in {
        "uk": "co org ac gov ltd plc me net sch nhs", "au": "com net org edu gov asn id", "nz": "co net org ac govt school",
        "jp": "co ne or ac go ed lg", "br": "com net org gov edu", "za": "co org ac gov net", "in": "co net org ac gov firm gen",
        "kr": "co ne or ac go re", "cn": "com net org edu gov ac", "tw": "com net org edu gov", "hk": "com net org edu gov",
        "sg": "com net org edu gov", "tr": "com net org edu gov", "mx": "com net org edu gob", "ar": "com net org edu gob",
        "il": "co net org ac gov", "at": "co or ac gv", "pl": "com net org edu gov", "th": "co or ac go", "id": "co or ac go web",
        "my": "com net org edu gov", "ua": "com net org edu gov", "pt": "com org edu gov", "es": "com org edu gob nom",
    }.items()
    for second in seconds.split()
}  # fmt: skip


@row_function("string", "string")
def part_of_web_address(text, *, part, key, number):
    """Return one part of a web address, or None where it is absent; a scheme may be missing."""
    text = text.strip()
    try:
        found = parse.urlsplit(text if "://" in text else "//" + text)
        host, port = found.hostname or "", found.port
    except ValueError:
        return None
    if part == "value of a query key":
        return dict(parse.parse_qsl(found.query, keep_blank_values=True)).get(key)
    if part == "query as JSON":
        return json.dumps(dict(parse.parse_qsl(found.query, keep_blank_values=True)), ensure_ascii=False)
    if part == "part of the path":
        steps = [p for p in found.path.split("/") if p]
        place = number - 1 if number > 0 else number + len(steps)
        return parse.unquote(steps[place]) if 0 <= place < len(steps) else None
    simple = {"scheme": found.scheme, "host": host, "path": found.path, "query": found.query, "anchor": found.fragment}
    if part in simple:
        return simple[part] or None
    if part == "port":
        return None if port is None else str(port)
    names = host.rstrip(".").split(".")
    if len(names) < 2 or ":" in host or names[-1].isdigit():
        return None
    size = 2 if ".".join(names[-2:]) in TWO_PART_SUFFIXES else 1
    if part == "suffix":
        return ".".join(names[-size:])
    if len(names) <= size:
        return None
    return ".".join(names[-size - 1 :]) if part == "registered domain" else ".".join(names[: -size - 1]) or None


@register
class URLPart(NewTextCall):
    """Take one part out of a web address: host, registered domain, subdomain, suffix, path, a query value and more.

    An absent part, or text that is no web address, gives missing. Suffixes of two parts (co.uk) are known for the most
    frequent countries only. Query as JSON: an object with the last value of each key.
    """

    name: ClassVar = "web.url_part"
    label: ClassVar = "Part of a web address"
    covers: ClassVar = ("url_host", "url_domain", "url_subdomain", "url_suffix", "url_path_parts", "url_query_params")
    words: ClassVar = ("URL_PARAMS", "parse url", "tld", "query string", "utm", "netloc")
    function: ClassVar = part_of_web_address
    examples: ClassVar = (
        Example({"column": "t", "to": "p"}, before={"t": ["https://a.b.co.uk:80/x", "b.de/y", None]}, after={"t": ["https://a.b.co.uk:80/x", "b.de/y", None], "p": ["a.b.co.uk", "b.de", None]}),
        Example({"column": "t", "to": "p", "part": "registered domain"}, before={"t": ["https://a.b.co.uk/x", "http://10.0.0.1"]}, after={"t": ["https://a.b.co.uk/x", "http://10.0.0.1"], "p": ["b.co.uk", None]}),
        Example({"column": "t", "to": "p", "part": "subdomain"}, before={"t": ["https://a.b.co.uk/x", "b.de"]}, after={"t": ["https://a.b.co.uk/x", "b.de"], "p": ["a", None]}),
        Example({"column": "t", "to": "p", "part": "suffix"}, before={"t": ["https://a.b.co.uk/x"]}, after={"t": ["https://a.b.co.uk/x"], "p": ["co.uk"]}),
        Example({"column": "t", "to": "p", "part": "part of the path", "number": -1}, before={"t": ["https://x.org/a/b%20c/", "x.org"]}, after={"t": ["https://x.org/a/b%20c/", "x.org"], "p": ["b c", None]}),
        Example({"column": "t", "to": "p", "part": "value of a query key", "key": "a"}, before={"t": ["x.org/?a=1%202&b=", "x.org/?b=3"]}, after={"t": ["x.org/?a=1%202&b=", "x.org/?b=3"], "p": ["1 2", None]}),
        Example({"column": "t", "to": "p", "part": "query as JSON"}, before={"t": ["x.org/?a=1&b="]}, after={"t": ["x.org/?a=1&b="], "p": ['{"a": "1", "b": ""}']}),
    )  # fmt: skip

    part: Literal[
        "host",
        "registered domain",
        "subdomain",
        "suffix",
        "scheme",
        "port",
        "path",
        "part of the path",
        "query",
        "value of a query key",
        "query as JSON",
        "anchor",
    ] = param("Part", default="host")
    key: str = param("Query key", default="")
    number: int = param("Which part of the path", default=1, ge=-100, le=100, help="-1 is the last.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.part == "value of a query key" and not self.key:
            raise ParamError("give the query key.")

    def constants(self):
        return {"part": self.part, "key": self.key, "number": self.number}


FREE_MAIL = set(
    [
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "yahoo.co.uk",
        "yahoo.de",
        "yahoo.fr",
        "ymail.com",
        "outlook.com",
        "outlook.de",
        "hotmail.com",
        "hotmail.de",
        "hotmail.co.uk",
        "hotmail.fr",
        "live.com",
        "live.de",
        "msn.com",
        "aol.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "gmx.de",
        "gmx.net",
        "gmx.com",
        "gmx.at",
        "gmx.ch",
        "web.de",
        "t-online.de",
        "freenet.de",
        "posteo.de",
        "mailbox.org",
        "protonmail.com",
        "proton.me",
        "pm.me",
        "tutanota.com",
        "mail.com",
        "mail.ru",
        "yandex.ru",
        "yandex.com",
        "qq.com",
        "163.com",
        "126.com",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "laposte.net",
        "libero.it",
        "virgilio.it",
        "zoho.com",
    ]
)


def domain_of_email(text):
    """Return the domain in lower case, or None for text that is no e-mail address."""
    local, mark, domain = text.strip().rpartition("@")
    return (
        domain.lower()
        if re.fullmatch(r"\S+", local or " ") and re.fullmatch(r"[^\s@.]+([.][^\s@.]+)+", domain)
        else None
    )


@row_function("string", "string")
def email_domain(text):
    return domain_of_email(text)


@row_function("boolean", "string")
def email_is_free(text, *, more):
    domain = domain_of_email(text)
    return None if domain is None else domain in FREE_MAIL or domain in more


@register
class EmailDomain(NewTextCall):
    """Give the domain of an e-mail address in lower case; text that is no e-mail address gives missing."""

    name: ClassVar = "web.email_domain"
    label: ClassVar = "Domain of an e-mail address"
    covers: ClassVar = ("email_domain",)
    words: ClassVar = ("EXTRACT_DOMAIN", "mail host")
    function: ClassVar = email_domain
    examples: ClassVar = (
        Example({"column": "t", "to": "d"}, before={"t": ["Ann@X.org", "ann@x", None]}, after={"t": ["Ann@X.org", "ann@x", None], "d": ["x.org", None, None]}),
    )  # fmt: skip


@register
class EmailIsFree(NewTextCall):
    """Tell whether an e-mail address belongs to a free mail service (a short list, and yours); other text gives missing."""

    name: ClassVar = "web.email_is_free"
    label: ClassVar = "E-mail of a free service"
    covers: ClassVar = ("email_is_free_provider",)
    words: ClassVar = ("gmail", "freemail", "private mail", "business mail")
    function: ClassVar = email_is_free
    examples: ClassVar = (
        Example({"column": "t", "to": "r", "more": ["x.org"]}, before={"t": ["ann@gmail.com", "b@firm.com", "c@x.org", "?", None]}, after={"t": ["ann@gmail.com", "b@firm.com", "c@x.org", "?", None], "r": [True, False, True, None, None]}),
    )  # fmt: skip

    more: tuple[str, ...] = param("Further domains", default=())

    def constants(self):
        return {"more": [d.lower() for d in self.more]}


AGENT_BROWSERS = (  # the first that fits counts: most browsers also name the ones they imitate
    ("bot", re.compile(r"bot|crawl|spider|slurp|curl/|wget/|python-requests|httpclient", re.I), re.compile(r"([A-Za-z-]*(?:bot|crawler|spider|slurp|curl|wget|python-requests)[A-Za-z-]*)(?:/([0-9.]+))?", re.I)),
    ("Edge", re.compile(r"Edge?(?:A|iOS)?/"), re.compile(r"()Edge?(?:A|iOS)?/([0-9.]+)")),
    ("Opera", re.compile(r"OPR/|Opera"), re.compile(r"()(?:OPR|Opera|Version)/([0-9.]+)")),
    ("Samsung Internet", re.compile(r"SamsungBrowser/"), re.compile(r"()SamsungBrowser/([0-9.]+)")),
    ("Firefox", re.compile(r"Firefox/|FxiOS/"), re.compile(r"()(?:Firefox|FxiOS)/([0-9.]+)")),
    ("Chrome", re.compile(r"Chrome/|CriOS/"), re.compile(r"()(?:Chrome|CriOS)/([0-9.]+)")),
    ("Safari", re.compile(r"Safari/"), re.compile(r"()Version/([0-9.]+)")),
    ("Internet Explorer", re.compile(r"MSIE |Trident/"), re.compile(r"()(?:MSIE |rv:)([0-9.]+)")),
)  # fmt: skip
AGENT_SYSTEMS = (
    ("iOS", "iPhone|iPad|iPod"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Chrome OS", "CrOS"),
    ("macOS", "Macintosh|Mac OS X"),
    ("Linux", "Linux|X11"),
)


@row_function("array<string>", "string")
def parts_of_agent(text):
    """Return browser, its main version, operating system and device of a user agent."""
    name = version = None
    for browser, fits, number in AGENT_BROWSERS:
        if re.search(fits, text):
            name, match = browser, re.search(number, text)
            if match:
                name, version = match.group(1) or browser, (match.group(2) or "").split(".")[0] or None
            break
    system = next((s for s, pattern in AGENT_SYSTEMS if re.search(pattern, text)), None)
    if re.search(AGENT_BROWSERS[0][1], text):
        device = "bot"
    elif re.search("iPad|Tablet", text) or ("Android" in text and "Mobile" not in text):
        device = "tablet"
    else:
        device = "phone" if re.search("Mobile|iPhone|iPod", text) else "computer" if system else None
    return [name, version, system, device]


@register
class UserAgent(Parts):
    """Take browser, main version, operating system and device (computer, phone, tablet, bot) out of a user agent.

    Columns: adds `<column>_browser`, `_version`, `_system`, `_device`; what is not known is missing. Rules for frequent
    browsers, not a device data base.
    """

    name: ClassVar = "web.user_agent"
    label: ClassVar = "Parts of a user agent"
    covers: ClassVar = ("user_agent_parse",)
    words: ClassVar = ("browser", "device", "ua parser", "crawler")
    function: ClassVar = parts_of_agent
    examples: ClassVar = (
        Example({"column": "t"}, before={"t": [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "?", None]}, after={"t": [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "?", None],
            "t_browser": ["Edge", "Safari", "Googlebot", None, None], "t_version": ["126", "17", "2", None, None],
            "t_system": ["Windows", "iOS", None, None, None], "t_device": ["computer", "phone", "bot", None, None]}),
    )  # fmt: skip

    def names(self):
        return [f"{self.column}_{part}" for part in ("browser", "version", "system", "device")]


@row_function("string", "string")
def encoded_text(text, *, codec):
    """Return text in another spelling that only uses harmless characters."""
    if codec == "URL":
        return parse.quote(text, safe="")
    if codec == "HTML":
        return html.escape(text)
    if codec == "XML":
        return html.escape(text).encode("ascii", "xmlcharrefreplace").decode()
    if codec == "base64":
        return base64.b64encode(text.encode()).decode()
    if codec == "hexadecimal":
        return text.encode().hex()
    return text.encode("unicode_escape").decode("ascii")


@row_function("string", "string")
def decoded_text(text, *, codec):
    """Return the text that was spelt with a codec, or None where it cannot have been."""
    try:
        if codec == "URL":
            return parse.unquote(text, errors="strict")
        if codec in ("HTML", "XML"):
            return html.unescape(text)
        if codec == "base64":
            return base64.b64decode(text.strip(), validate=True).decode()
        if codec == "hexadecimal":
            return bytes.fromhex(text).decode()
        escaped = re.sub(r"[^\x00-\x7f]", lambda m: m.group().encode("unicode_escape").decode(), text)
        return escaped.encode("ascii").decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16")
    except (ValueError, binascii.Error):
        return None


Codec = Literal["URL", "HTML", "XML", "base64", "hexadecimal", "unicode escapes"]


@register
class Encode(TextCall):
    """Write text as a web address, HTML, XML, base64, hexadecimal or with \\u escapes (all of UTF-8)."""

    name: ClassVar = "web.encode"
    label: ClassVar = "Encode text"
    covers: ClassVar = ("encode_text",)
    words: ClassVar = ("escape", "url encode", "percent encoding", "ENCODE", "base64")
    function: ClassVar = encoded_text
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["a b/ü", None]}, after={"t": ["a%20b%2F%C3%BC", None]}),
        Example({"columns": ["t"], "codec": "HTML"}, before={"t": ["<a> & 'ü'"]}, after={"t": ["&lt;a&gt; &amp; &#x27;ü&#x27;"]}),
        Example({"columns": ["t"], "codec": "XML"}, before={"t": ["<ü>"]}, after={"t": ["&lt;&#252;&gt;"]}),
        Example({"columns": ["t"], "codec": "base64"}, before={"t": ["hi", ""]}, after={"t": ["aGk=", ""]}),
        Example({"columns": ["t"], "codec": "hexadecimal"}, before={"t": ["aü"]}, after={"t": ["61c3bc"]}),
        Example({"columns": ["t"], "codec": "unicode escapes"}, before={"t": ["a€"]}, after={"t": ["a\\u20ac"]}),
    )  # fmt: skip

    codec: Codec = param("As", default="URL")

    def constants(self):
        return {"codec": self.codec}


@register
class Decode(TextCall):
    """Read text that was encoded for web addresses, HTML, XML, base64, hexadecimal or with \\u escapes.

    Text that cannot be read so becomes missing.
    """

    name: ClassVar = "web.decode"
    label: ClassVar = "Decode text"
    covers: ClassVar = ("decode_text",)
    words: ClassVar = ("unescape", "url decode", "DECODE", "html entities")
    function: ClassVar = decoded_text
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["a%20b%2F%C3%BC", "%ff", None]}, after={"t": ["a b/ü", None, None]}),
        Example({"columns": ["t"], "codec": "HTML"}, before={"t": ["&lt;&uuml;&#8364;"]}, after={"t": ["<ü€"]}),
        Example({"columns": ["t"], "codec": "XML"}, before={"t": ["&lt;&#252;&gt;"]}, after={"t": ["<ü>"]}),
        Example({"columns": ["t"], "codec": "base64"}, before={"t": ["aGk=", "?"]}, after={"t": ["hi", None]}),
        Example({"columns": ["t"], "codec": "hexadecimal"}, before={"t": ["61c3bc", "6"]}, after={"t": ["aü", None]}),
        Example({"columns": ["t"], "codec": "unicode escapes"}, before={"t": ["a\\u20acü"]}, after={"t": ["a€ü"]}),
    )  # fmt: skip

    codec: Codec = param("From", default="URL")

    def constants(self):
        return {"codec": self.codec}


def text_of_html(text, keep_links):
    """Return the text of HTML: blocks end a line, scripts and styles go."""
    blocks = [
        "p",
        "div",
        "br",
        "li",
        "tr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "ul",
        "ol",
        "blockquote",
        "section",
        "article",
        "header",
        "footer",
        "pre",
        "hr",
        "title",
    ]
    found, hidden, links = [], [], []

    def start(tag, attributes):
        if tag in ("script", "style"):
            hidden.append(tag)
        if tag in blocks:
            found.append("\n")
        if tag == "a":
            links.append(dict(attributes).get("href"))

    def end(tag):
        if tag in ("script", "style") and hidden:
            hidden.pop()
        if tag in blocks:
            found.append("\n")
        if tag == "a" and links and (link := links.pop()) and keep_links:
            found.append(f" ({link})")

    def data(piece):
        if not hidden:
            found.append(re.sub(r"\s+", " ", piece))

    # set on the object: a class of our own would bring its __name__ into the exported file
    reader = HTMLParser(convert_charrefs=True)
    reader.handle_starttag, reader.handle_endtag, reader.handle_data = start, end, data
    reader.feed(text)
    reader.close()
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[ \t]+", " ", "".join(found))).strip()


def text_of_markdown(text, keep_links):
    """Return the text of Markdown without its marks."""
    text = re.sub(r"(?ms)^(```|~~~)[^\n]*\n(.*?)\n?^\1[ \t]*$", r"\2", text)
    text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\[([^\]]+)\]\(\s*([^)\s]*)[^)]*\)", r"\1 (\2)" if keep_links else r"\1", text)
    text = re.sub(r"(?m)^[ ]{0,3}(#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+|[0-9]+[.][ \t]+)", "", text)
    text = re.sub(r"(?m)^[ ]{0,3}([-*_][ ]*){3,}$\n?", "", text)
    text = re.sub(r"(\*\*|__|~~)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<![\w*])([*_])(?=\S)(.+?)(?<=\S)\1(?![\w*])", r"\2", text)
    return re.sub(r"`+([^`]+)`+", r"\1", text)


@row_function("string", "string")
def without_markup(text, *, markup, keep_links):
    return text_of_html(text, keep_links) if markup == "HTML" else text_of_markdown(text, keep_links)


@register
class StripMarkup(TextCall):
    """Remove the tags of HTML or the marks of Markdown and keep the text. HTML entities are read; scripts and styles go."""

    name: ClassVar = "web.strip_markup"
    label: ClassVar = "Remove HTML or Markdown"
    covers: ClassVar = ("strip_html", "strip_markdown")
    words: ClassVar = ("parseHtml", "htmlText", "html to text", "tags")
    function: ClassVar = without_markup
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["<p>a <b>b</b> &amp;\n c</p><script>x()</script><br/>d", "no tags", None]}, after={"t": ["a b & c\nd", "no tags", None]}),
        Example({"columns": ["t"], "keep_links": True}, before={"t": ['see <a href="x.org">X</a>']}, after={"t": ["see X (x.org)"]}),
        Example({"columns": ["t"], "kind": "Markdown"}, before={"t": ["# Big\n- **a** and _b_ `c`\n[X](x.org)", "2*3*4"]}, after={"t": ["Big\na and b c\nX", "2*3*4"]}),
    )  # fmt: skip

    kind: Literal["HTML", "Markdown"] = param("Kind", default="HTML")
    keep_links: bool = param("Keep the addresses of links", default=False)

    def constants(self):
        return {"markup": self.kind, "keep_links": self.keep_links}


@row_function("string", "string")
def phone_in_style(text, *, country, style, invalid):
    """Return a telephone number in one standard form."""
    other = text if invalid == "keep" else None
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return other
    if not phonenumbers.is_valid_number(number):
        return other
    forms = {
        "+4930901820": phonenumbers.PhoneNumberFormat.E164,
        "international": phonenumbers.PhoneNumberFormat.INTERNATIONAL,
        "national": phonenumbers.PhoneNumberFormat.NATIONAL,
        "tel: link": phonenumbers.PhoneNumberFormat.RFC3966,
    }
    return phonenumbers.format_number(number, forms[style])


@register
class FormatPhone(TextCall):
    """Write phone numbers in one standard form. What is no valid number becomes missing or stays.

    Source: Google libphonenumber (`phonenumbers`), which knows the rules of each country.
    """

    name: ClassVar = "web.format_phone"
    label: ClassVar = "Format phone numbers"
    covers: ClassVar = ("format_phone_number",)
    words: ClassVar = ("FORMAT_PHONE_NUMBER", "E.164", "telephone")
    function: ClassVar = phone_in_style
    examples: ClassVar = (
        Example({"columns": ["t"], "country": "DE"}, before={"t": ["(030) 901820", "+44 20 7946 0018", "12", None]}, after={"t": ["+4930901820", "+442079460018", None, None]}),
        Example({"columns": ["t"], "country": "DE", "style": "international", "invalid": "keep"}, before={"t": ["030901820", "?"]}, after={"t": ["+49 30 901820", "?"]}),
    )  # fmt: skip

    country: str = param("Country", default="US", max_length=2, help="Of numbers without +, such as DE.")
    style: Literal["+4930901820", "international", "national", "tel: link"] = param("Form", default="+4930901820")
    invalid: Literal["becomes missing", "keep"] = param("What is no phone number", default="becomes missing")

    def constants(self):
        return {"country": self.country.upper(), "style": self.style, "invalid": self.invalid}


@register
class VisitorId(Transform):
    """Make a visitor number from columns such as IP address, user agent and day: equal values, equal number.

    16 hexadecimal characters of a SHA-256. Two visitors behind one address look like one; missing values count as text
    of their own. Limit: not anonymous, as whoever knows the values can compute it.
    """

    name: ClassVar = "web.visitor_id"
    label: ClassVar = "Visitor number"
    covers: ClassVar = ("visitor_id",)
    words: ClassVar = ("generate visitorId", "fingerprint", "hash of columns")
    examples: ClassVar = (
        Example({"columns": ["ip", "day"], "to": "v"}, before={"ip": ["10.0.0.1", None], "day": [1, 1]}, after={"ip": ["10.0.0.1", None], "day": [1, 1], "v": ["9c2cd6421f362f0f", "a14d9654ccec73b4"]}),
    )  # fmt: skip

    columns: Columns = param("Columns")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        for c in self.columns:
            if not (schema[c].is_string() or schema[c].is_integer()):
                raise ParamError(
                    f"column {c!r} ({schema[c]}) must be turned into text first.", hint='Use "Change type".'
                )

    def apply(self, table, state):
        known = [ibis.literal("=") + table[c].cast("string") for c in self.columns]
        total = ibis.literal("")
        for part in known:  # the length before each value keeps ("a", "bc") apart from ("ab", "c")
            part = part.fill_null("")
            total = total + part.length().cast("string") + part
        return table.mutate(total.hexdigest("sha256").substr(0, 16).name(self.to))

    def pandas(self, df, state, schema):
        lines = [f"total = pd.Series('', index={df}.index, dtype='string')"]
        for c in self.columns:
            lines += [
                f"part = ('=' + {df}[{c!r}].astype('string')).fillna('')",
                "total = total + part.str.len().astype('string') + part",
            ]
        digest = "lambda t: hashlib.sha256(t.encode()).hexdigest()[:16]"
        return [*lines, f"{df}[{self.to!r}] = total.map({digest}).astype('string')"]
