"""The page without a film: cases to begin with, and a place for the person's own films."""

import streamlit as st

from dashboard import film_upload, kept_sessions, story


def draw() -> None:
    """One sentence, a row of drawn cases, one place to drop files."""
    with st.container(key="welcome", gap="medium"):
        st.markdown("# Put a radiograph on the light box", anchors=False)
        st.markdown(
            "See what the classifier predicts, where it looked, and how far the map can be trusted. "
            "Begin with a case whose truth is known: drawn, no patient data."
        )
        story.buttons()
        film_upload.case_gallery()
        film_upload.files("Or drop your own films here: DICOM, PNG, JPEG or TIFF, several at once", at="welcome")
        st.caption(
            "Your films stay in this server's memory, never in a file, until Clear or "
            f"{kept_sessions.MINUTES} minutes after you close the tab. A reload keeps them; a link never contains them."
        )
