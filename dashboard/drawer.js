// On a phone the sidebar lies over the page: it closes once a page, a film or an option was chosen in it.
const NARROW = 768; // px, up to which Streamlit lays it over the page
const CHOICES = [
  '[data-testid="stSidebarNavLink"]', "li[data-key] > button:not(.remove)", ".st-key-phantom button", '[class*="st-key-example-"] button', "[role=option]",
].join();
const WAIT = 150; // ms, for the choice itself to be sent

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
