"""The empty desk: what this is, and the two ways to begin."""

import streamlit as st

from dashboard import film_upload


def draw() -> None:
    """One sentence, one button, one place to drop files."""
    with st.container(key="welcome", gap="medium"):
        st.markdown("# Put a radiograph on the light box", anchors=False)
        st.markdown(
            "You will see what the classifier says of it, where it looked, and how far that map can be trusted. "
            "Your files stay on this machine. The phantom is a drawn chest: nobody's film, safe to show."
        )
        film_upload.phantom_button(at="welcome", primary=True)
        film_upload.files("Or drop your own here: DICOM, PNG, JPEG or TIFF, several at once", at="welcome")
