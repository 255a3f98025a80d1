"""The dialog that shows the DICOM objects of an answer and sends them back to a PACS."""

from collections.abc import Mapping

import streamlit as st
from pydicom import Dataset

from core.pacs.dicomweb import StoreReceipt, store
from core.pacs.server import known_servers
from dashboard import draw, markup
from dashboard.state import session

_CONTENTS = {
    "secondary-capture.dcm": "Secondary capture: the film with the overlay burnt in",
    "segmentation.dcm": "Segmentation: lungs, and heat above half of its maximum",
    "parametric-map.dcm": "Parametric map: the heat itself, with its unit",
    "structured-report.dcm": "Structured report (TID 1500): probabilities, verdicts, measurements",
    "presentation-state.dcm": "Presentation state: window and measurements",
}


@st.dialog("Send to PACS", width="large")
def dialog(map_key: str, objects: Mapping[str, Dataset], missing: Mapping[str, str]) -> None:
    """Objects, target study and server, then the server's reply.

    map_key: key of the map that the objects show.
    missing: why an object is not among them, as core.report.dicom.objects.left_out.
    """
    with draw.errors():
        servers = known_servers()
        name = st.selectbox("Server", list(servers), key="pacs target") if len(servers) > 1 else next(iter(servers))
        server = servers[name]
        first = next(iter(objects.values()))
        study = str(first.StudyInstanceUID)
        words = f"{len(objects)} new objects will be added to the film's own study on {name} ({server.host}):"
        st.html(markup.paragraph(words))
        picture, contents = st.columns([1, 2])
        capture = objects["secondary-capture.dcm"]
        picture.image(capture.pixel_array, caption="Secondary capture", alt="The film with the heat map over it")
        for file in objects:
            contents.html(markup.paragraph(_CONTENTS[file]))
        for reason in missing.values():
            contents.html(markup.status(f"Not sent. {reason}", level="note"))
        contents.html(markup.paragraph(f"Study {study}", quiet=True))
        contents.html(markup.paragraph("All are marked as derived and for research use.", quiet=True))
        key, receipt = session().pacs.receipt or ("", None)
        place, label = st.empty(), f"Send {len(objects)} objects"
        if key != map_key and place.button(label, key="pacs send", type="primary", icon=":material/send:"):
            with place, st.spinner(f"Sending to {name}"):
                receipt = store(server, study, list(objects.values()))
            key, session().pacs.receipt = map_key, (map_key, receipt)
        if receipt and key == map_key:
            with place:
                _result(receipt, len(objects))


def _result(receipt: StoreReceipt, count: int) -> None:
    words = f"{len(receipt.stored)} of {count} objects are stored in the study."
    refused = "; ".join(sorted(set(receipt.refused.values())))
    st.html(
        markup.status(f"{words} Not stored: {refused}." if refused else words, level="warning" if refused else "ok")
    )
