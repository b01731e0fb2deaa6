"""Web and network: published examples, and text that goes there and back."""

from __future__ import annotations

import pytest

from transforms.catalog.web import decoded_text, encoded_text, part_of_web_address, without_markup


@pytest.mark.parametrize("codec", ["URL", "HTML", "XML", "base64", "hexadecimal", "unicode escapes"])
@pytest.mark.parametrize("text", ["", "a b", "größe <b> & \"x\" 'y' \\n \\u00e9 %41", "👍🏽 名\n\t"])
def test_decoding_undoes_encoding(codec, text):
    assert decoded_text.python(encoded_text.python(text, codec=codec), codec=codec) == text


@pytest.mark.parametrize(
    "address, part, expected",
    [
        ("http://user:pw@example.com:8042/over/there?name=ferret#nose", "host", "example.com"),  # RFC 3986
        ("http://user:pw@example.com:8042/over/there?name=ferret#nose", "port", "8042"),
        ("http://user:pw@example.com:8042/over/there?name=ferret#nose", "anchor", "nose"),
        ("ftp://ftp.is.co.za/rfc/rfc1808.txt", "registered domain", "is.co.za"),
        ("http://[2001:db8::7]/c=GB", "host", "2001:db8::7"),
        ("http://[2001:db8::7]/c=GB", "registered domain", None),
        ("http://[bad", "host", None),
        ("localhost", "registered domain", None),
        ("", "host", None),
    ],
)
def test_parts_of_web_addresses(address, part, expected):
    assert part_of_web_address.python(address, part=part, key="", number=1) == expected


def test_broken_html_is_read_as_browsers_do():
    text = "<p>one<p>two <b>bold<i> &lt;3 <style>p {}</style>"
    assert without_markup.python(text, markup="HTML", keep_links=False) == "one\ntwo bold <3"
