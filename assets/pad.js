// The pad: its point moves two of the page's own sliders, so that these stay the one truth.
const range = (index) => document.querySelector(`#direction-${index} input[type=range]`);
const clip = (value) => Math.min(3, Math.max(-3, Math.round(value * 20) / 20));

function move(slider, value) {
  if (!slider || Number(slider.value) === value) return;
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}
function go(pad, x, y) {
  const point = pad.querySelector("i");
  point.style.left = `${((x + 3) / 6) * 100}%`;
  point.style.top = `${((3 - y) / 6) * 100}%`;
  move(range(pad.dataset.across), x);
  move(range(pad.dataset.up), y);
}
function follow(event) {
  const pad = event.target.closest(".pad");
  const box = pad.getBoundingClientRect();
  go(pad, clip(((event.clientX - box.left) / box.width) * 6 - 3),
    clip(3 - ((event.clientY - box.top) / box.height) * 6));
}
const settle = (pad) => {
  for (const name of ["across", "up"]) {
    range(pad.dataset[name])?.dispatchEvent(new Event("change", { bubbles: true }));
  }
};

let held = false;
element.addEventListener("pointerdown", (event) => {
  const pad = event.target.closest(".pad");
  if (!pad) return;
  held = true;
  pad.setPointerCapture(event.pointerId);
  follow(event);
});
element.addEventListener("pointermove", (event) => held && event.target.closest(".pad") && follow(event));
for (const end of ["pointerup", "pointercancel"]) {
  element.addEventListener(end, (event) => {
    const pad = event.target.closest(".pad");
    if (held && pad) settle(pad);
    held = false;
  });
}
element.addEventListener("keydown", (event) => {
  const pad = event.target.closest(".pad");
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!pad || !step) return;
  event.preventDefault();
  const here = [pad.dataset.across, pad.dataset.up].map((index) => Number(range(index)?.value || 0));
  go(pad, clip(here[0] + step[0] * 0.25), clip(here[1] + step[1] * 0.25));
  settle(pad);
});
