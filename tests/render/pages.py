"""Reads an HTML page as a browser would find it."""

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Collects tags, ids, addresses and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "xlink:href", "action"):
                self.addresses.append(str(value))
            assert not name.startswith("on"), (tag, name)

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.words.append(data)
