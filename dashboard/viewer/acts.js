// The actions of controls and keys, by name; every other name is a window preset.
function actsOf(viewer, pressed) {
  const { look } = store;
  const view = viewer.view();
  const frame = viewer.frames()[0];
  const middle = [frame.pane.width / 2, frame.pane.height / 2];
  const { description } = viewer;
  const step = (by) => {
    const at = viewer.heats.indexOf(viewer.heat) + by;
    if (viewer.heats[at]) store.picked.set(viewer.key, viewer.heats[at].key);
  };
  const show = (mode) => Object.assign(look, { mode, shown: true });
  return {
    window: () => (look.tool = "window"),
    pan: () => (look.tool = "pan"),
    ...Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, () => (look.tool = kind)])),
    loupe: () => (look.loupe = !look.loupe),
    planes: () => (look.planes = !look.planes),
    cross: () => {
      if (store.cross?.viewer === viewer && store.cross.keyboard) pointAway(viewer);
      else moveCross(viewer, 0, 0, 0);
      endBegun(viewer);
    },
    mark: () => markShape(viewer),
    answer: () => {
      const shape = shapesOf(description)[pressed.dataset.index];
      const text = viewer.asked === shape && pressed.parentElement.querySelector("input").value;
      if (text) answerLabel(viewer, shape, text);
      else askLabel(viewer, shape);
    },
    remove: () => changeShapes(description, (shapes) => shapes.splice(pressed.dataset.index, 1)),
    removeLast: () => changeShapes(description, (shapes) => shapes.pop() === viewer.begun?.shape && (viewer.begun = null)),
    clear: () => changeShapes(description, (shapes) => shapes.splice(0)),
    undo: () => undoShapes(description),
    redo: () => undoShapes(description, true),
    table: () => saveMeasures(viewer),
    save: () => saveView(viewer, Boolean(pressed?.closest(".alone")) || viewer.data.paired),
    closer: () => zoomAt(viewer, STEP, ...middle),
    farther: () => zoomAt(viewer, 1 / STEP, ...middle),
    single: () => zoomAt(viewer, 1 / frame.place.scale, ...middle),
    reset: () => Object.assign(view, untouched(viewer.description)),
    invert: () => (view.invert = !view.invert),
    turn: () => turnView(view, 1),
    turnBack: () => turnView(view, -1),
    flip: () => flipView(view),
    toggle: () => (look.shown = !look.shown),
    mode: () => {
      const modes = viewer.data.compact ? MODES.slice(0, 2) : MODES;
      show(modes[(modes.indexOf(viewer.mode) + 1) % modes.length]);
    },
    heat: () => show("heat"),
    contours: () => show("contours"),
    beside: () => show("beside"),
    before: () => step(-1),
    after: () => step(1),
    fainter: () => (look.opacity = Math.max(0, look.opacity - 0.05)),
    stronger: () => (look.opacity = Math.min(1, look.opacity + 0.05)),
    texts: () => (look.texts = !look.texts),
    fold,
    expand: () => present(viewer.root),
    adopt: () => viewer.choose?.({ black: view.level - view.width / 2, white: view.level + view.width / 2, preset: view.preset }),
    help: () => openHelp(viewer.root),
    retry: () => viewer.fetch(),
  };
}

function setPreset(viewer, name) {
  const values = viewer.film && presetWindow(name, viewer.film, viewer.description);
  if (values) Object.assign(viewer.view(), values, { preset: name });
}
