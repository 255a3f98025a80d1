// Zoom, pan, heat and brightness of the film on the first page. The film is 8 bits, in the window of the report.
(() => {
  const film = document.querySelector(".viewer .film");
  if (!film) return;
  const layers = film.querySelector(".layers");
  const heat = film.querySelector(".heat");
  const scale = film.querySelector(".scale");
  const inputs = Object.fromEntries([...document.querySelectorAll(".controls input")].map((each) => [each.name, each]));
  const barWidth = scale ? parseFloat(scale.style.width) : 0;
  let zoom = 1, x = 0, y = 0, shown = 45;

  const draw = () => {
    x = Math.min(0, Math.max(x, film.clientWidth * (1 - zoom)));
    y = Math.min(0, Math.max(y, film.clientHeight * (1 - zoom)));
    layers.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    layers.firstElementChild.style.filter = `brightness(${inputs.brightness.value}%) contrast(${inputs.contrast.value}%)`;
    heat.style.opacity = inputs.heat.value / 100;
    if (scale) {
      scale.style.width = `${barWidth * zoom}%`;
      scale.hidden = barWidth * zoom > 90;
    }
  };
  const zoomAt = (factor, left, top) => {
    const next = Math.min(12, Math.max(1, zoom * factor));
    x = left - ((left - x) * next) / zoom;
    y = top - ((top - y) * next) / zoom;
    zoom = next;
    draw();
  };
  const middle = (factor) => zoomAt(factor, film.clientWidth / 2, film.clientHeight / 2);
  const toggle = () => {
    if (Number(inputs.heat.value)) shown = inputs.heat.value;
    inputs.heat.value = Number(inputs.heat.value) ? 0 : shown;
    draw();
  };
  const reset = () => {
    [zoom, x, y] = [1, 0, 0];
    for (const each of Object.values(inputs)) each.value = each.defaultValue;
    draw();
  };

  film.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = film.getBoundingClientRect();
    zoomAt(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  film.addEventListener("pointerdown", (event) => film.setPointerCapture(event.pointerId));
  film.addEventListener("pointermove", (event) => {
    if (!film.hasPointerCapture(event.pointerId)) return;
    x += event.movementX;
    y += event.movementY;
    draw();
  });
  film.addEventListener("dblclick", reset);
  film.addEventListener("keydown", (event) => {
    const act = { "+": () => middle(1.4), "=": () => middle(1.4), "-": () => middle(1 / 1.4), o: toggle, 0: reset }[event.key];
    if (act) act();
  });
  for (const each of Object.values(inputs)) each.addEventListener("input", draw);
  document.querySelector(".controls button").addEventListener("click", reset);
  draw();
})();
