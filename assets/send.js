// What every script needs that sends files: those of a drop, with the path inside their folder, and
// uploads in small batches.
const MOST_FILES = 40, MOST_BYTES = 32 * 2 ** 20;

const url = () => {
  const config = window.gradio_config || {};
  return (config.root || "").replace(/\/$/, "") + (config.api_prefix || "/gradio_api") + "/upload";
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

async function dropped(event) {
  const { items, files } = event.dataTransfer;
  const entries = Array.from(items, (item) => item.webkitGetAsEntry()).filter(Boolean);
  const plain = Array.from(files, (file) => ({ file, name: file.name }));
  return entries.length ? (await Promise.all(entries.map(listFolder))).flat() : plain;
}

function withoutJunk(items) {
  const junk = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini)(\/|$)/i;
  return items.filter(({ name }) => !junk.test(name));
}
