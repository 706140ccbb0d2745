"""The forms of a page with their hidden fields: tokens against forged requests stand there. Standard library only."""

from __future__ import annotations

from html.parser import HTMLParser

MOST_FIELDS = 200


class Forms(HTMLParser):
    """Each form of a page: the names of all its fields, and the values of the hidden ones."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: list[set[str]] = []
        self.hidden: list[dict[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a form's beginning, or one of its fields."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.names.append(set())
            self.hidden.append({})
        elif tag in ("input", "textarea", "select", "button") and self.names and found.get("name"):
            if len(self.names[-1]) >= MOST_FIELDS:
                return
            self.names[-1].add(found["name"])
            if tag == "input" and found.get("type", "").lower() == "hidden":
                self.hidden[-1][found["name"]] = found.get("value", "")


def hidden_fields(page: str, field: str) -> dict[str, str] | None:
    """The hidden fields of the first form that has this field; None where there is none."""
    forms = Forms(page)
    return next((hidden for names, hidden in zip(forms.names, forms.hidden, strict=True) if field in names), None)
