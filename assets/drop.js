// The drop zone: takes files, zips and whole folders, keeps the path of every file inside its
// folder (the usual upload loses it), sends them in small batches by send.js, and tells the server
// `upload` with [{path, name}]. `element` and `props` last; what is inside `element` does not.
const say = (text) => {
  const line = element.querySelector(".drop-status");
  if (line) line.textContent = text;
};
async function take(items) {
  items = withoutJunk(items);
  const total = items.reduce((sum, { file }) => sum + file.size, 0);
  if (!items.length) return;
  if (total > props.limit_bytes) return trigger("upload", { files: [], failed: "too_big" });
  if (items.length > props.limit_files) return trigger("upload", { files: [], failed: "too_many" });
  element.classList.add("busy");
  const sent = [];
  let before = 0;
  try {
    for (const batch of batches(items)) {
      const paths = await send(batch, (bytes) =>
        say(props.words.sending + " " + Math.min(99, Math.floor((100 * (before + bytes)) / Math.max(1, total))) + " %"));
      paths.forEach((path, i) => sent.push({ path, name: batch[i].name }));
      before += batch.reduce((sum, { file }) => sum + file.size, 0);
    }
    say("");
    trigger("upload", { files: sent, failed: "" });
  } catch (problem) {
    say("");
    trigger("upload", { files: [], failed: problem === "too_big" ? "too_big" : "network" });
  } finally {
    element.classList.remove("busy");
  }
}

element.addEventListener("change", (event) => {
  const input = event.target;
  if (!input.files) return;
  const items = Array.from(input.files, (file) => ({ file, name: file.webkitRelativePath || file.name }));
  input.value = "";
  take(items);
});
for (const type of ["dragenter", "dragover"]) {
  element.addEventListener(type, (event) => {
    event.preventDefault();
    element.classList.add("dragging");
  });
}
element.addEventListener("dragleave", (event) => {
  if (!element.contains(event.relatedTarget)) element.classList.remove("dragging");
});
element.addEventListener("drop", async (event) => {
  event.preventDefault();
  element.classList.remove("dragging");
  take(await dropped(event));
});
