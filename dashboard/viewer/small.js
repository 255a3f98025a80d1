// Small maps over the film, with the window and colours of the large viewer.

// tiles: {canvas, width, height, heat, film, sheet}; width and height in CSS px, film and sheet to draw with.
function paintSmall(tiles, film, tables, data) {
  const unit = window.devicePixelRatio || 1;
  const view = { ...viewOf(data.film), zoom: 1, x: film.width / 2, y: film.height / 2 };
  const look = { opacity: Math.max(store.look.opacity, 0.6), threshold: store.look.threshold };
  for (const { canvas, width, height, heat, film: ground, sheet } of tiles) {
    const pane = { left: 0, top: 0, width: Math.round(width * unit), height: Math.round(height * unit) };
    if (canvas.width !== pane.width || canvas.height !== pane.height) {
      canvas.width = pane.width;
      canvas.height = pane.height;
    }
    const context = canvas.getContext("2d");
    const { upright, place, matrix } = frameOf(view, film, pane);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, pane.width, pane.height);
    context.setTransform(...matrix);
    drawFilm(context, ground, film, view, upright, place);
    if (heat.absence || !store.look.shown) continue;
    drawHeat(context, sheet, heat, film, look, tableOf(tables, data, heat.signed), upright, place);
  }
}
