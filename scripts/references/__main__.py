"""Writes the generated pages of docs/reference: `python -m scripts.references`."""

from __future__ import annotations

from scripts.references.pages import FOLDER, pages


def main() -> None:
    """Write every page, and name it."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
