// Copies the present address of the page, including the viewer's part.
const IDLE = "Link";

export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  button.textContent = IDLE;
  button.title = "Copy the address of this view. It contains neither the film nor its name: the recipient adds the same file.";
  button.onclick = async () => {
    window.lightboxAddress?.write();
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copy it from the address bar"; // the browser forbids it away from localhost and https
    }
    clearTimeout(button.back);
    button.back = setTimeout(() => (button.textContent = IDLE), 2500);
  };
}
