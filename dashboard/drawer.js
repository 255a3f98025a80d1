// On a phone the sidebar covers the page: it closes after a page, a film or an option is chosen.
const NARROW = 768; // px, up to which Streamlit's sidebar covers the page
const CHOICES = [
  '[data-testid="stSidebarNavLink"]', "li[data-key] > button:not(.remove)", ".st-key-phantom button", '[class*="st-key-example-"] button', "[role=option]",
].join();
const WAIT = 150; // ms, for the choice to be sent

function close() {
  const sidebar = document.querySelector('[data-testid="stSidebar"][data-collapsed="false"]');
  if (!sidebar || window.innerWidth > NARROW) return;
  setTimeout(() => sidebar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click(), WAIT);
}

export default function () {
  if (window.lightboxDrawer) return;
  window.lightboxDrawer = true;
  const chosen = (event) => event.composedPath().some((element) => element.matches?.(CHOICES)); // also in a shadow root
  document.addEventListener("click", (event) => chosen(event) && close(), true);
  document.addEventListener("change", (event) => event.target.closest?.('[data-testid="stSidebar"] input[type=file]') && close(), true);
}
