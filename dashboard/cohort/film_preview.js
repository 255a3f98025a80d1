// Shows the film under the mouse beside the pointer, on the chart in the container of the class `data.chart`.
const PAUSE = 100; // ms that the mouse rests on a mark before its film is fetched
const APART = 16; // px between the pointer and the film

export default function ({ parentElement, data, setStateValue }) {
  const picture = parentElement.querySelector("img");
  picture.ask = (film) => setStateValue("film", film);
  if (data.picture) {
    picture.src = data.picture;
    picture.alt = data.name;
    picture.film = data.film;
  }
  picture.hidden = picture.film === undefined || picture.film !== picture.wanted;
  if (picture.follow) return;
  // The chart arrives after this component, and may be drawn anew: whichever the pointer enters is followed.
  picture.follow = ({ target }) => {
    const plot = target.closest?.(`.${data.chart} .js-plotly-plot`);
    if (!plot || plot.preview) return;
    plot.preview = picture;
    plot.on("plotly_hover", ({ points, event }) => {
      picture.wanted = [points[0].customdata].flat()[0];
      const right = event.clientX + APART + 140 > innerWidth;
      picture.style.left = right ? `${event.clientX - APART - 128}px` : `${event.clientX + APART}px`;
      picture.style.top = `${event.clientY + APART}px`;
      picture.hidden = picture.film !== picture.wanted;
      clearTimeout(picture.timer);
      if (picture.hidden && picture.wanted !== undefined)
        picture.timer = setTimeout(() => picture.ask(picture.wanted), PAUSE);
    });
    plot.on("plotly_unhover", () => {
      clearTimeout(picture.timer);
      picture.wanted = undefined;
      picture.hidden = true;
    });
  };
  document.addEventListener("pointerover", picture.follow);
  return () => document.removeEventListener("pointerover", picture.follow);
}
