// Films can be dropped anywhere on the page: a drop outside an uploader goes to the one in the sidebar.
const UPLOADER = "[data-testid=stFileUploaderDropzone]";

function uploader() {
  return document.querySelector(`[data-testid=stSidebar] ${UPLOADER}`) ?? document.querySelector(UPLOADER);
}

function carriesFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files") && !event.target.closest?.(UPLOADER);
}

function over(event) {
  if (!carriesFiles(event) || !uploader()) return;
  event.preventDefault();
  document.body.classList.add("lb-drop");
  clearTimeout(window.lightboxDrop.end);
  window.lightboxDrop.end = setTimeout(() => document.body.classList.remove("lb-drop"), 300); // no more events: the drag is over
}

function drop(event) {
  document.body.classList.remove("lb-drop");
  const target = uploader();
  if (!carriesFiles(event) || !target) return;
  event.preventDefault();
  event.stopPropagation();
  target.dispatchEvent(new DragEvent("drop", { dataTransfer: event.dataTransfer, bubbles: true, cancelable: true }));
}

export default function () {
  if (window.lightboxDrop) return;
  window.lightboxDrop = { end: 0 };
  document.addEventListener("dragover", over);
  document.addEventListener("drop", drop, true);
}
