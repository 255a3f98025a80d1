"""The page without a film: what Lightbox is, and the two ways to begin."""

import streamlit as st

from dashboard import film_upload


def draw() -> None:
    """One sentence, one button, one place to drop files."""
    with st.container(key="welcome", gap="medium"):
        st.markdown("# Put a radiograph on the light box", anchors=False)
        st.markdown(
            "See what the classifier predicts, where it looked, and how far the map can be trusted. "
            "Your files stay on this computer. The phantom is a drawn chest: synthetic, no patient data."
        )
        film_upload.phantom_button(at="welcome", primary=True)
        film_upload.files("Or drop your own films here: DICOM, PNG, JPEG or TIFF, several at once", at="welcome")
