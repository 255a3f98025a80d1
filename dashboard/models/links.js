// A plain click on a row or link with data-checkpoint opens that card; every other click is left to the browser.
export default function ({ parentElement, setTriggerValue }) {
  document.removeEventListener("click", parentElement.opens);
  parentElement.opens = (event) => {
    const row = event.target.closest?.("[data-checkpoint]");
    if (!row || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (window.getSelection().toString()) return; // the person is selecting text, to copy a figure
    event.preventDefault();
    setTriggerValue("opened", row.dataset.checkpoint);
  };
  document.addEventListener("click", parentElement.opens);
  document.documentElement.dataset.rows = "open"; // from now on a row looks as if it can be clicked
  return () => document.removeEventListener("click", parentElement.opens);
}
