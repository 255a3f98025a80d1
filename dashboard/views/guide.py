"""Guide: how to use Lightbox, page by page."""

import streamlit as st

from dashboard import guide

TITLE, ICON, ORDER = "Guide", ":material/menu_book:", 9


def page() -> None:
    """The list of pages, and the chosen page."""
    names = guide.pages()
    contents, text = st.columns([1, 4], gap="large")
    with contents:
        title = st.radio("Guide", list(names), key="guide page")
    with text, st.container(key="guide text"):
        for part in guide.parts(names[title]):
            if isinstance(part, str):
                st.markdown(part)
            else:
                picture, caption = part
                st.image(str(picture), caption=caption, alt=caption)


if __name__ == "__main__":
    page()
