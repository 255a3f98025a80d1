// A round magnifier that shows the film's own pixels, without heat, at the pointer.

// Canvas px per film px in the magnifier: a whole number, at least twice the scale around it.
function loupeScale(scale) {
  return Math.max(1, Math.ceil(2 * scale - 1e-9));
}

function drawLoupe(viewer, frames) {
  const { loupe } = viewer.parts;
  const own = store.cross?.viewer === viewer ? store.cross : null;
  const shown = own && store.look.loupe && viewer.film && crossOn(viewer);
  loupe.hidden = !shown;
  if (!shown) return;
  const frame = frames[own.pane] ?? frames[0];
  const side = Math.round(Math.min(220, viewer.parts.stage.clientWidth / 2.2) * viewer.unit);
  const canvas = loupe.firstElementChild;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  canvas.style.width = canvas.style.height = `${side / viewer.unit}px`;
  const context = canvas.getContext("2d");
  const pane = { left: 0, top: 0, width: side, height: side };
  const scale = loupeScale(frame.place.scale);
  const zoom = scale / fitted(viewer.film, pane);
  const view = { ...viewer.view(), zoom, x: Math.floor(own.x) + 0.5, y: Math.floor(own.y) + 0.5 };
  const { upright, place, matrix } = frameOf(view, viewer.film, pane);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#000";
  context.fillRect(0, 0, side, side);
  context.setTransform(...matrix);
  drawFilm(context, viewer.sheets.loupe, viewer.film, view, upright, place, { smooth: false });
  write(loupe.lastElementChild, scale === 1 ? "1 : 1" : `${scale} : 1`);
  const at = onCanvas(frame, own.x, own.y);
  const [u, v, size] = [at.x / viewer.unit, at.y / viewer.unit, side / viewer.unit];
  const above = own.touch ? size / 2 + 40 : 0; // a finger would hide it
  loupe.style.transform = `translate(${u - size / 2}px, ${Math.max(v - size / 2 - above, own.touch ? 0 : -size / 2)}px)`;
}
