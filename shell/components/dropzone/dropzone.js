// Sends chosen or dropped files one after the other with PUT and reports their tokens.

const wired = new WeakSet();

export default function ({ parentElement, setTriggerValue }) {
  const input = parentElement.querySelector("input");
  const label = parentElement.querySelector("label");
  const state = parentElement.querySelector(".state");
  if (wired.has(input)) return;
  wired.add(input);

  const send = (file) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch() cannot report how much was sent
      const address = new URL("/api/uploads/" + encodeURIComponent(file.name), document.baseURI);
      request.open("PUT", address.href);
      request.setRequestHeader("X-Tilth", "1");
      const bar = document.createElement("progress");
      const words = document.createElement("div");
      words.textContent = file.name;
      state.replaceChildren(words, bar);
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) bar.value = event.loaded / event.total;
      };
      request.onerror = () => reject(new Error("The connection broke. Send the file again."));
      request.onload = () => {
        let answer = {};
        try {
          answer = JSON.parse(request.responseText);
        } catch {
          answer = { error: { message: `The server answered ${request.status}.`, hint: "" } };
        }
        if (request.status === 201) resolve(answer);
        else reject(new Error(`${answer.error?.message ?? "The upload was refused."} ${answer.error?.hint ?? ""}`));
      };
      request.send(file);
    });

  const sendAll = async (files) => {
    const done = [];
    input.disabled = true;
    try {
      for (const file of files) done.push(await send(file));
      state.textContent = done.length === 1 ? `${done[0].name} is here.` : `${done.length} files are here.`;
    } catch (error) {
      state.textContent = error.message;
    }
    input.disabled = false;
    input.value = "";
    if (done.length) setTriggerValue("uploaded", done);
  };

  input.addEventListener("change", () => input.files.length && sendAll([...input.files]));
  label.addEventListener("dragover", (event) => {
    event.preventDefault();
    label.classList.add("over");
  });
  label.addEventListener("dragleave", () => label.classList.remove("over"));
  label.addEventListener("drop", (event) => {
    event.preventDefault();
    label.classList.remove("over");
    if (event.dataTransfer.files.length) sendAll([...event.dataTransfer.files]);
  });
}
