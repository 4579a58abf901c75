// The drop zone: takes files, zips and whole folders, keeps the path of every file inside its
// folder (the usual upload loses it), sends them in small batches, and tells the server
// `upload` with [{path, name}]. `element` and `props` last; what is inside `element` does not.
const MOST_FILES = 40, MOST_BYTES = 32 * 2 ** 20;

const url = () => {
  const config = window.gradio_config || {};
  return (config.root || "").replace(/\/$/, "") + (config.api_prefix || "/gradio_api") + "/upload";
};
const say = (text) => {
  const line = element.querySelector(".drop-status");
  if (line) line.textContent = text;
};
const unguessable = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

async function listFolder(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    return [{ file, name: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) break;
    for (const each of some) found.push(...(await listFolder(each)));
  }
  return found;
}

function send(batch, onBytes) {
  return new Promise((done, fail) => {
    const form = new FormData();
    for (const { file, name } of batch) {
      const suffix = (name.match(/\.[A-Za-z0-9]{1,8}$/) || [""])[0];
      form.append("files", file, unguessable() + suffix);
    }
    const request = new XMLHttpRequest();
    request.open("POST", url());
    request.upload.onprogress = (event) => onBytes(event.loaded);
    request.onload = () =>
      request.status === 200 ? done(JSON.parse(request.responseText))
        : fail(request.status === 413 ? "too_big" : "network");
    request.onerror = () => fail("network");
    request.send(form);
  });
}

function batches(items) {
  const all = [];
  let batch = [], bytes = 0;
  for (const item of items) {
    if (batch.length && (batch.length >= MOST_FILES || bytes + item.file.size > MOST_BYTES)) {
      all.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += item.file.size;
  }
  return batch.length ? [...all, batch] : all;
}

async function take(items) {
  const junk = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini)(\/|$)/i;
  items = items.filter(({ name }) => !junk.test(name));
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
  const { items, files } = event.dataTransfer;
  const entries = Array.from(items, (item) => item.webkitGetAsEntry()).filter(Boolean);
  const plain = Array.from(files, (file) => ({ file, name: file.name }));
  const found = entries.length ? (await Promise.all(entries.map(listFolder))).flat() : plain;
  take(found);
});
