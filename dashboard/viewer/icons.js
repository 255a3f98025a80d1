// Line icons of 20 × 20, drawn in the colour of the text.
const ICONS = {
  pan: '<path d="M10 2.5v15M2.5 10h15M10 2.5 7.8 4.7M10 2.5l2.2 2.2M10 17.5l-2.2-2.2M10 17.5l2.2-2.2M2.5 10l2.2-2.2M2.5 10l2.2 2.2M17.5 10l-2.2-2.2M17.5 10l-2.2 2.2"/>',
  window: '<circle cx="10" cy="10" r="7"/><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" stroke="none"/>',
  length: '<path d="M2.6 13.2 13.2 2.6l4.2 4.2L6.8 17.4zM5.4 10.4l1.9 1.9M8.2 7.6l1.9 1.9M11 4.8l1.9 1.9"/>',
  loupe: '<circle cx="8.5" cy="8.5" r="5.5"/><path d="m12.7 12.7 4.3 4.3M8.5 6v5M6 8.5h5"/>',
  closer: '<path d="M10 4.5v11M4.5 10h11"/>',
  farther: '<path d="M4.5 10h11"/>',
  fit: '<path d="M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4"/>',
  invert: '<rect x="3.5" y="3.5" width="13" height="13" rx="1.5"/><path d="M3.5 16.5 16.5 3.5v11.5a1.5 1.5 0 0 1-1.5 1.5z" fill="currentColor" stroke="none"/>',
  turn: '<path d="M16.2 8.2A6.5 6.5 0 1 0 16.5 11M16.5 3.8v4.6h-4.6"/>',
  flip: '<path d="M10 2.5v15" stroke-dasharray="2 2"/><path d="M7.5 5.5v9h-5z"/><path d="M12.5 5.5v9h5z" fill="currentColor"/>',
  planes: '<path d="M10 3 2.8 6.8 10 10.6l7.2-3.8zM2.8 10.2 10 14l7.2-3.8M2.8 13.6l7.2 3.8 7.2-3.8"/>',
  heat: '<rect x="3" y="3" width="14" height="14" rx="1.5"/><circle cx="10" cy="10" r="4.2" fill="currentColor" stroke="none"/>',
  contours: '<ellipse cx="10" cy="10" rx="7.2" ry="6.2"/><ellipse cx="10.6" cy="10.4" rx="3.4" ry="2.6"/>',
  beside: '<rect x="2.5" y="4" width="15" height="12" rx="1.5"/><path d="M10 4v12"/><circle cx="13.7" cy="10" r="1.9" fill="currentColor" stroke="none"/>',
  eye: '<path d="M2 10s3-5.5 8-5.5S18 10 18 10s-3 5.5-8 5.5S2 10 2 10z"/><circle cx="10" cy="10" r="2.4"/>',
  more: '<path d="M3.5 6h6M13.5 6h3M3.5 14h3M10.5 14h6"/><circle cx="11.5" cy="6" r="2"/><circle cx="8.5" cy="14" r="2"/>',
  fold: '<rect x="2.5" y="3.5" width="15" height="13" rx="1.5"/><path d="M12.5 3.5v13M5.5 8l2.5 2-2.5 2"/>',
  expand: '<path d="M11.5 8.5 17 3M12.5 3H17v4.5M8.5 11.5 3 17M7.5 17H3v-4.5"/>',
  help: '<path d="M7.4 7.6c0-1.5 1.2-2.5 2.7-2.5s2.6 1 2.6 2.4c0 1.9-2.6 2-2.6 4.1"/><path d="M10.1 14.8v.1"/>',
  before: '<path d="M12 5l-5 5 5 5"/>',
  after: '<path d="M8 5l5 5-5 5"/>',
};
const icon = (name) => `<svg viewBox="0 0 20 20" aria-hidden="true">${ICONS[name]}</svg>`;
const button = (act, label, key, inside) =>
  `<button type="button" data-act="${act}" aria-label="${label}" title="${label}${key ? ` (${key})` : ""}">${inside}</button>`;
