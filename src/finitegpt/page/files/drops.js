// Files that are dropped anywhere on the page: a folder's own, where one was.

import { RUN_FILES } from "./imports.js";

/** @param {(files: File[]) => void} open @param {() => void} failed */
export function takeDrops(open, failed) {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry?.());
    filesOf(entries, [...(event.dataTransfer?.files ?? [])]).then(open, failed);
  });
}

/**
 * The files that were dropped: a folder's own, where one was.
 * @param {any[]} entries @param {File[]} files @returns {Promise<File[]>}
 */
async function filesOf(entries, files) {
  const folder = entries.find((entry) => entry?.isDirectory);
  if (!folder) return files;
  const inside = await new Promise((resolve, reject) => folder.createReader().readEntries(resolve, reject));
  const plain = inside.filter((/** @type {any} */ entry) => entry.isFile && RUN_FILES.includes(entry.name));
  return Promise.all(plain.map((/** @type {any} */ entry) => new Promise((resolve, reject) => entry.file(resolve, reject))));
}
