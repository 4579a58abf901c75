// Pictures to press: tells the server `select` with what stands on the button.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-place]");
  if (!button) return;
  const { recipe, place, action } = button.dataset;
  trigger("select", { recipe, place: Number(place), action });
});
