// A picture, and the sliders on the same tab: what is dragged goes straight to the server, one
// request at a time and always the newest places. Tells the page `apply` when a slider was let go.
const moves = new Map();
let busy = false;
const picture = () => element.querySelector("img.latent-picture");
const slider = (event) => {
  const block = picture() && event.target.closest?.(".steers");
  return block && element.closest("[role=tabpanel]").contains(block) ? block : null;
};

document.addEventListener("input", (event) => {
  const { value } = event.target, block = slider(event);
  if (!block || value === "" || !Number.isFinite(Number(value))) return;
  moves.set(block.id, Number(value));
  paint();
});
document.addEventListener("change", (event) => slider(event) && trigger("apply"));

// An arrow key moves a twentieth of the whole way: a step of the slider's own shows nothing.
const KEYS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
document.addEventListener("keydown", (event) => {
  const range = event.target, by = KEYS[event.key];
  if (!by || event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own
  if (range.type !== "range" || !slider(event)) return;
  event.preventDefault();
  range.value = Number(range.value) + (by * (range.max - range.min)) / 20;
  for (const kind of ["input", "change"]) range.dispatchEvent(new Event(kind, { bubbles: true }));
});

async function paint() {
  if (busy) return;
  busy = true;
  try {
    while (moves.size) {
      const image = picture(), sent = Object.fromEntries(moves);
      moves.clear();
      const { source, stage } = await server.steer({ stage: image.dataset.stage, moves: sent });
      if (!source || image !== picture()) continue; // the page has gone elsewhere meanwhile
      image.src = source;
      image.dataset.stage = stage;
    }
  } finally {
    busy = false;
  }
}
