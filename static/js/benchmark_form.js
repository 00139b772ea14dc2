// The form of a benchmark: what is unfolded stays so when the server sends the form again, and a file of classes is
// read into the field beside it, which the address can carry.

document.addEventListener(
  "toggle",
  (event) => {
    const open = event.target.querySelector(":scope > div > input[name$='-open']");
    if (open) open.value = event.target.open ? "1" : "";
  },
  true, // The event does not bubble.
);

document.addEventListener("change", async (event) => {
  if (event.target.id !== "id_class_file" || !event.target.files.length) return;
  const [file] = event.target.files;
  const list = document.getElementById("id_class_list");
  if (!list) return;
  list.value = await file.text();
  event.target.value = "";
  list.dispatchEvent(new Event("change", { bubbles: true }));
});
