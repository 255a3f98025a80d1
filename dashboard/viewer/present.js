// The page for an audience: the film or the board alone, on the full screen where the browser allows it.
const PRESENT = "lb-present"; // class of the page; styles.css hides everything else
const FRAMED = ".st-key-reading, .st-key-compare"; // pages presented as a whole; elsewhere only the viewer

const FOLDED = "lb-folded"; // class of the page: the text beside the film is collapsed
const FOLDABLE = ".st-key-reading";

const presenting = () => document.documentElement.classList.contains(PRESENT);

store.endsPresenting ??= document.addEventListener("fullscreenchange", () => {
  if (!document.fullscreenElement) document.documentElement.classList.remove(PRESENT);
}) ?? true;

const fold = () => document.documentElement.classList.toggle(FOLDED);

function present(root) {
  if (document.fullscreenElement || presenting()) {
    document.documentElement.classList.remove(PRESENT);
    if (document.fullscreenElement) document.exitFullscreen();
    return;
  }
  const whole = root.getRootNode().host?.closest(FRAMED);
  if (whole) document.documentElement.classList.add(PRESENT);
  (whole ? document.documentElement : root).requestFullscreen?.().catch(() => {}); // if refused, the page is presented in its window
}
